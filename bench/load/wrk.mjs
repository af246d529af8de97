import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { cpuTime } from './processes.mjs';

const SCRIPT = fileURLToPath(new URL('wrk.lua', import.meta.url));

/** One burst of requests at a proxy: what it cost the proxy, and what the client saw. */
export async function burst(proxy, { method, path, body }, connections, seconds, core) {
  const before = cpuTime(proxy.pid);
  const url = `http://127.0.0.1:${proxy.port}${path}`;
  const load = `-t1 -c${connections} -d${seconds}s --timeout 10s`.split(' ');
  const [requests, time, errors, p50, p99] = await wrk(core, [...load, '-s', SCRIPT, url, '--', method, `${body}`]);
  return {
    cpu: (cpuTime(proxy.pid) - before) / requests,
    rate: requests / (time / 1e6),
    p50: p50 / 1000,
    p99: p99 / 1000,
    errors,
  };
}

function wrk(core, args) {
  return new Promise((resolve, reject) => {
    const child = spawn('taskset', ['-c', `${core}`, 'wrk', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (output += text));
    child.once('error', reject);
    child.once('close', () => {
      const line = /^RESULT (.*)$/m.exec(output);
      if (line === null) reject(new Error(`wrk failed: ${output}`));
      else resolve(line[1].split(' ').map(Number));
    });
  });
}
