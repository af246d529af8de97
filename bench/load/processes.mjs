// Processes of a run: each bound to one core, measured by the kernel's own accounting, ended by its id.
import { spawn, spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

const running = new Set();

export function has(command) {
  return spawnSync('sh', ['-c', `command -v ${command}`]).status === 0;
}

/** Writes a configuration; returns its path. */
export function write(folder, name, text) {
  writeFileSync(`${folder}/${name}`, text);
  return `${folder}/${name}`;
}

/** Starts `command` on `core` and waits until it accepts on `port`. */
export async function start(core, port, command, env = {}) {
  const child = spawn('taskset', ['-c', `${core}`, ...command], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  running.add(child);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (said = (said + text).slice(-2000)));
  child.once('exit', () => running.delete(child));
  const fail = () => {
    throw new Error(`${command.join(' ')} did not start: ${said}`);
  };
  for (let waited = 0; !(await accepts(port)); waited += 50) {
    if (child.exitCode !== null || waited > 20_000) fail();
    await pause(50);
  }
  // The port may have become another's meanwhile: then it is that one who accepts, and ours has just failed.
  await pause(300);
  if (child.exitCode !== null) fail();
  return child;
}

export async function stopAll() {
  const ends = [...running].map((child) => new Promise((resolve) => void child.once('exit', resolve)));
  for (const child of running) child.kill('SIGTERM');
  const late = setTimeout(() => running.forEach((child) => child.kill('SIGKILL')), 5000);
  await Promise.all(ends);
  clearTimeout(late);
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** Below the ports that the kernel gives to connections that go out, of which a busy machine has many. */
export function freePort() {
  return new Promise((resolve) => {
    const port = randomInt(15_000, 32_000);
    const server = createServer().once('error', () => resolve(freePort()));
    server.listen(port, '127.0.0.1', () => void server.close(() => resolve(port)));
  });
}

/** µs of CPU that the process and its children have used, all their threads together. */
export function cpuTime(pid) {
  let time = 0;
  for (const member of family(pid)) {
    for (const thread of readdirSync(`/proc/${member}/task`)) {
      // Nanoseconds on a core; utime and stime of `stat` would come in steps of 10 ms.
      time += Number(readFileSync(`/proc/${member}/task/${thread}/schedstat`, 'latin1').split(' ')[0]) / 1000;
    }
  }
  return time;
}

/** The process and its descendants. */
export function family(pid) {
  const parents = new Map();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      // The name of the command, in brackets, may hold anything.
      const parent = Number(/.*\) \S (\d+)/s.exec(readFileSync(`/proc/${name}/stat`, 'latin1'))?.[1]);
      parents.set(parent, [...(parents.get(parent) ?? []), Number(name)]);
    } catch {
      // It ended meanwhile.
    }
  }
  const members = [pid];
  for (const member of members) members.push(...(parents.get(member) ?? []));
  return members;
}
