// Requests that fail at their client while an app is reloaded, beside PM2's cluster mode: node bench/reload.mjs [--rounds 10]
// Needs network access the first time: PM2 is installed under node_modules/.cache, never as a dependency.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { freePort } from './load/processes.mjs';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '10' } } });
const rounds = Number(values.rounds);
const run = promisify(execFile);
const cli = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const cache = fileURLToPath(new URL('../node_modules/.cache/reload-bench', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'reload-'));
const app = join(folder, 'app.cjs');

writeFileSync(
  app,
  `const server = require('node:http').createServer((req, res) =>
  setTimeout(() => res.end('done'), req.url === '/slow' ? 2500 : 3)).listen(process.env.PORT);
// as PM2 advises its users: end in order when told to
process.on('SIGINT', () => server.close(() => process.exit(0)));
`,
);

const WORKERS = 2;
/** Of the peers: how each is started, reloaded and ended. */
const PEERS = [
  {
    name: 'multiserver',
    async start(port) {
      const env = { ...process.env, PORT: port, XDG_RUNTIME_DIR: folder };
      this.child = spawn(process.execPath, [cli, 'start', app, '-w', WORKERS], { env, stdio: 'ignore', cwd: folder });
      this.reload = () => run(process.execPath, [cli, 'reload'], { env, cwd: folder });
    },
    async stop() {
      this.child.kill();
      await once(this.child, 'exit');
    },
  },
  {
    name: 'PM2 cluster',
    async start(port) {
      if (!existsSync(join(cache, 'node_modules/pm2'))) {
        mkdirSync(cache, { recursive: true });
        console.log('Installing PM2 …');
        execFileSync('npm', ['install', '--prefix', cache, '--no-audit', '--no-fund', 'pm2'], { stdio: 'ignore' });
      }
      const env = { ...process.env, PORT: port, PM2_HOME: join(folder, 'pm2') };
      this.pm2 = (...args) => run(join(cache, 'node_modules/.bin/pm2'), args, { env });
      await this.pm2('start', app, '-i', String(WORKERS), '--name', 'app');
      this.reload = () => this.pm2('reload', 'app');
    },
    stop() {
      return this.pm2('kill');
    },
  },
];

const results = [];
try {
  for (const peer of PEERS) results.push(await measure(peer));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(
  `\n${rounds} reloads of ${WORKERS} workers; 12 clients that keep their connections, 4 that do not, 4 with requests of 2.5 s:\n`,
);
console.table(Object.fromEntries(results));

async function measure(peer) {
  console.log(`${peer.name} …`);
  const port = await freePort();
  await peer.start(String(port));
  try {
    const host = { host: '127.0.0.1', port };
    for (let i = 0; (await ask({ ...host, agent: false })) !== ''; i++) {
      if (i > 200) throw new Error(`${peer.name} does not listen.`);
      await sleep(100);
    }
    const loads = {
      'kept connection': load(12, { ...host, agent: new Agent({ keepAlive: true }) }),
      'new connection': load(4, { ...host, agent: false }),
      'slow request': load(4, { ...host, path: '/slow', agent: false }),
    };
    const begun = performance.now();
    for (let i = 0; i < rounds; i++) {
      await sleep(1000);
      await peer.reload();
    }
    await sleep(1000);
    const row = { 'seconds a reload': ((performance.now() - begun - 1000) / rounds / 1000 - 1).toFixed(1) };
    for (const [name, clients] of Object.entries(loads)) {
      const { asked, failures } = await clients.stop();
      row[name] = `${failures.length} of ${asked} failed`;
      if (failures.length > 0) console.log(`  ${name}: ${[...new Set(failures)].join(', ')}`);
    }
    return [peer.name, row];
  } finally {
    await peer.stop();
  }
}

/** Clients that ask one request after another. */
function load(clients, options) {
  const failures = [];
  let asked = 0;
  const state = { stopped: false };
  const loop = async () => {
    while (!state.stopped) {
      asked++;
      const failure = await ask(options);
      if (failure !== '') failures.push(failure);
    }
  };
  const loops = Promise.all(Array.from({ length: clients }, loop));
  return {
    async stop() {
      state.stopped = true;
      await loops;
      return { asked, failures };
    },
  };
}

/** Empty: answered to the end. */
function ask(options) {
  return new Promise((resolve) => {
    const call = get({ timeout: 10_000, ...options }, (response) => {
      response.on('data', () => {});
      response.on('end', () => resolve(response.statusCode === 200 ? '' : `status ${response.statusCode}`));
      response.on('error', (error) => resolve(error.code ?? error.message));
    });
    call.on('timeout', () => call.destroy(new Error('no answer')));
    call.on('error', (error) => resolve(error.code ?? error.message));
  });
}
