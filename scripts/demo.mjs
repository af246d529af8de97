// Shows in a few seconds what it is about: an Express app on four workers behind one address, and one of them killed under load.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const REQUESTS = 2000;
const COMMAND = ['start', 'examples/express/app.js', '-w', '4', '--name', `demo-${process.pid}`];

const root = fileURLToPath(new URL('..', import.meta.url));
const agent = new Agent({ keepAlive: true, maxSockets: 20 });

console.log(`$ multiserver ${COMMAND.slice(0, 4).join(' ')}`);
const started = performance.now();
const app = spawn(process.execPath, [`${root}dist/cli/main.js`, ...COMMAND, '--listen', '127.0.0.1:0'], {
  cwd: root,
  stdio: ['ignore', 'pipe', 'inherit'],
});
process.once('SIGINT', () => app.kill('SIGINT'));
const events = createInterface(app.stdout)[Symbol.asyncIterator]();

const boot = await until('boot');
const [url] = boot.addresses;
console.log(`  ${boot.endpoints} workers answer at ${url} after ${Math.round(performance.now() - started)} ms\n`);

const first = [];
for (let i = 0; i < 4; i++) {
  first.push(await whoami());
  console.log(`$ curl ${url}/whoami\n  ${JSON.stringify(first[i])}`);
}

const [victim] = first;
console.log(`\n$ kill -9 ${victim.pid}    # while ${REQUESTS} requests come in, 20 at a time`);
const load = Promise.allSettled(Array.from({ length: REQUESTS }, whoami));
process.kill(victim.pid, 'SIGKILL');
const crash = await until('crash');
const back = await until('ready');
const failures = (await load).filter(({ status }) => status === 'rejected');
console.log(`  ${REQUESTS - failures.length} of ${REQUESTS} were answered`);
console.log(
  `  Worker ${crash.worker} is back as pid ${back.pid}, ${new Date(back.time) - new Date(crash.time)} ms later\n`,
);

console.log('$ # Ctrl-C');
agent.destroy();
app.kill('SIGINT');
await once(app, 'exit');
console.log('  All processes have ended.');
for (const { reason } of failures.slice(0, 3)) console.error(reason);
process.exit(failures.length === 0 ? 0 : 1);

/** The next log line about such an event. */
async function until(event) {
  for (;;) {
    const { value, done } = await events.next();
    if (done) throw new Error(`multiserver ended before "${event}"`);
    const entry = JSON.parse(value);
    if (entry.event === event) return entry;
    if (entry.level === 'error') console.log(`  ${entry.message}`);
  }
}

async function whoami() {
  const [response] = await once(get(`${url}/whoami`, { agent }), 'response');
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  if (response.statusCode !== 200) throw new Error(`${response.statusCode}: ${text}`);
  return JSON.parse(text);
}
