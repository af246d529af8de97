import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BalancerStatus } from 'node-multiserver';
import { AppFolder, ask, control, type Instance, isAlive, Load, running, untilGone } from './instance.js';

const LONG = Boolean(process.env.MULTISERVER_LONG);

const folder = new AppFolder();
after(() => folder.remove());

const app = folder.write(
  'app.cjs',
  `const http = require('node:http');
http.createServer((req, res) => {
  const { pathname, searchParams } = new URL(req.url, 'http://x');
  if (req.method === 'POST' && process.env.LEDGER) {
    let id = '';
    req.on('data', (piece) => (id += piece)).on('end', () => {
      require('node:fs').appendFileSync(process.env.LEDGER, id + '\\n');
      setTimeout(() => res.end(id), 10);
    });
    return;
  }
  if (pathname === '/exit') { console.error('last words'); process.exit(Number(searchParams.get('code'))); }
  if (pathname === '/throw') setImmediate(() => { throw new Error('out of order'); });
  else if (pathname === '/slow') setTimeout(() => res.end('late'), 30);
  else res.end(String(process.pid));
}).listen(0, '127.0.0.1');
`,
);

/** Clients that send one POST after another, each with an id of its own. */
class Poster {
  readonly answered: string[] = [];
  /** Not answered with 200: it may have been executed or not, and is not sent again. */
  lost = 0;
  #stopped = false;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #loops: Promise<void[]>;

  constructor(port: number, clients: number) {
    this.#loops = Promise.all(Array.from({ length: clients }, (_, i) => this.#loop(port, i)));
  }

  async #loop(port: number, client: number): Promise<void> {
    for (let i = 0; !this.#stopped; i++) {
      const id = `${client}-${i}`;
      const answer = await ask(port, '/', { method: 'POST', agent: this.#agent }, id).catch(() => null);
      if (answer?.status === 200) this.answered.push(id);
      else this.lost++;
      if (answer === null) await sleep(100);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#loops;
    this.#agent.destroy();
  }
}

test('no GET is lost and no POST done twice when workers are killed under load, and they come back', async () => {
  const ledger = folder.write('ledger', '');
  const setting = { env: { LEDGER: ledger } };
  const play = async (instance: Instance) => {
    const port = await instance.port();
    const load = new Load(port, '/slow');
    const poster = new Poster(port, 4);
    const end = performance.now() + (LONG ? 120_000 : 0);
    let kills = 0;
    for (; kills < 4 || performance.now() < end; kills++) {
      await load.atLeast(40);
      if (LONG) await sleep(2000);
      await instance.until(() => instance.workers().length > 0, 'a worker is ready');
      const alive = instance.workers();
      const victim = alive[Math.floor(Math.random() * alive.length)]!;
      process.kill(victim, 'SIGKILL');
      const crash = await instance.line('crash', kills + 1);
      assert.deepEqual([crash['pid'], crash['signal']], [victim, 'SIGKILL']);
    }
    await load.atLeast(40);
    await load.stop();
    await poster.stop();
    await instance.line('ready', 4 + kills);
    assert.deepEqual(load.failures, []);
    const done = readFileSync(ledger, 'utf8').split('\n').slice(0, -1);
    const once = new Set(done);
    assert.equal(done.length, once.size, 'a POST was executed twice');
    for (const id of poster.answered) assert.ok(once.has(id), `POST ${id} was answered, but not executed`);
    console.log(
      `${kills} kills: ${load.answered} GETs, 0 failed; ${poster.answered.length} POSTs answered, ${poster.lost} not, ${done.length} done, none twice`,
    );
  };
  await running(['start', app, '-w', '4', '--listen', '127.0.0.1:0'], play, setting);
});

test('requests wait for the only worker to come back, those too that it had in hand', async () => {
  await running(['start', app, '-w', '1', '--listen', '127.0.0.1:0'], async (instance) => {
    const port = await instance.port();
    for (let i = 1; i <= 3; i++) {
      const inHand = ask(port, '/slow');
      await sleep(15);
      process.kill(instance.workers()[0]!, 'SIGKILL');
      await instance.line('crash', i);
      const late = ask(port, '/', { method: 'POST' }, 'x');
      assert.deepEqual([(await inHand).status, (await late).status], [200, 200]);
      await instance.line('ready', 1 + i);
    }
  });
});

test('a crash is told with exit code and last words, and the next worker gets its slot', async () => {
  await running(['start', app, '-w', '1', '--listen', '127.0.0.1:0'], async (instance) => {
    const port = await instance.port();
    const [first] = instance.workers();
    // a GET would be sent once more
    assert.equal((await ask(port, '/exit?code=7', { method: 'POST' })).status, 502);
    const crash = await instance.line('crash');
    assert.deepEqual([crash['worker'], crash['pid'], crash['code'], crash['signal']], [0, first, 7, null]);
    assert.match(String(crash['stderr']), /last words/);
    const ready = await instance.line('ready', 2);
    assert.equal(ready['worker'], 0);
    assert.notEqual(ready['pid'], first);
    assert.equal((await ask(port)).text, String(ready['pid']));
    await ask(port, '/throw', { method: 'POST' }).catch(() => {});
    const second = await instance.line('crash', 2);
    assert.equal(second['code'], 1);
    assert.match(String(second['stderr']), /Error: out of order/);
    assert.equal(instance.stdout.split('last words').length > 1, true, 'it is in the log as output, too');
  });
});

test('a request that kills its worker kills no more than two', async () => {
  await running(['start', app, '-w', '4', '--listen', '127.0.0.1:0'], async (instance) => {
    const port = await instance.port();
    const { status } = await ask(port, '/exit?code=7');
    assert.equal(status, 502);
    assert.equal((await ask(port)).status, 200);
    await instance.line('ready', 6);
    assert.equal(instance.lines('crash').length, 2);
  });
});

test('a worker that crashes again and again is started again and again, while the others serve', async () => {
  const flaky = folder.write(
    'flaky.cjs',
    `const http = require('node:http');
http.createServer((req, res) => res.end('fine')).listen(0, '127.0.0.1', () => {
  if (process.env.MULTISERVER_WORKER === '1') setTimeout(() => process.exit(3), 300);
});
`,
  );
  await running(['start', flaky, '-w', '2', '--listen', '127.0.0.1:0'], async (instance) => {
    const port = await instance.port();
    const load = new Load(port);
    await instance.line('crash', 4);
    await load.stop();
    assert.deepEqual(load.failures, []);
    assert.ok(instance.lines('crash').every((line) => line['worker'] === 1));
    const { workers } = (await control(instance, 'status')) as BalancerStatus;
    assert.deepEqual(
      workers.map(({ slot, state }) => [slot, slot === 0 ? state : '?']),
      [
        [0, 'ready'],
        [1, '?'],
      ],
    );
    assert.ok(workers[1]!.restarts >= 3);
    assert.ok(workers[0]!.memory! > 1_000_000 && workers[0]!.utilization! <= 1);
  });
});

test('what a worker writes before it crashes is told to the last line', async () => {
  const LINES = 20_000;
  const chatty = folder.write(
    'chatty.cjs',
    `require('node:http').createServer((req, res) => {
  for (let i = 1; i <= ${LINES}; i++) process[i % 2 ? 'stdout' : 'stderr'].write('line ' + i + '\\n');
  process.abort();
}).listen(0, '127.0.0.1');
`,
  );
  await running(['start', chatty, '-w', '1', '--listen', '127.0.0.1:0'], async (instance) => {
    await ask(await instance.port(), '/', { method: 'POST' });
    const { signal, stderr } = await instance.line('crash');
    assert.equal(signal, 'SIGABRT');
    assert.match(String(stderr), new RegExp(`line ${LINES}\\b`));
    const told = new Set(instance.lines('output').map(({ message }) => message));
    for (let i = 1; i <= LINES; i++) assert.ok(told.has(`line ${i}`), `line ${i} is missing`);
  });
});

test('what a worker started ends with it', async () => {
  const parent = folder.write(
    'parent.cjs',
    `const { spawn } = require('node:child_process');
const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
require('node:http').createServer((req, res) => res.end(String(child.pid))).listen(0, '127.0.0.1');
`,
  );
  await running(['start', parent, '-w', '1', '--listen', '127.0.0.1:0'], async (instance) => {
    const child = Number((await ask(await instance.port())).text);
    assert.ok(isAlive(child));
    process.kill(instance.workers()[0]!, 'SIGKILL');
    await untilGone([child]);
  });
});
