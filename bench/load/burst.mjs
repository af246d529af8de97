import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { cpuTime } from './processes.mjs';

const SCRIPT = fileURLToPath(new URL('wrk.lua', import.meta.url));
const TLS_CLIENTS = fileURLToPath(new URL('tls-clients.mjs', import.meta.url));

/** One burst of requests at a proxy: what it cost the proxy, and what the client saw. */
export async function burst(proxy, shape, connections, seconds, core) {
  const before = cpuTime(proxy.pid);
  const [requests, time, errors, p50, p99] = await load(core, commandOf(proxy, shape, connections, seconds));
  return {
    cpu: (cpuTime(proxy.pid) - before) / requests,
    rate: requests / (time / 1e6),
    p50: p50 / 1000,
    p99: p99 / 1000,
    errors,
  };
}

function commandOf({ port }, { scheme, method, path, body, handshakes }, connections, seconds) {
  if (handshakes !== undefined)
    return [process.execPath, TLS_CLIENTS, port, connections, seconds, handshakes].map(String);
  const how = `-t1 -c${connections} -d${seconds}s --timeout 10s`.split(' ');
  return ['wrk', ...how, '-s', SCRIPT, `${scheme}://127.0.0.1:${port}${path}`, '--', method, `${body}`];
}

function load(core, command) {
  return new Promise((resolve, reject) => {
    const child = spawn('taskset', ['-c', `${core}`, ...command], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (output += text));
    child.once('error', reject);
    child.once('close', () => {
      const line = /^RESULT (.*)$/m.exec(output);
      if (line === null) reject(new Error(`${command[0]} failed: ${output}`));
      else resolve(line[1].split(' ').map(Number));
    });
  });
}
