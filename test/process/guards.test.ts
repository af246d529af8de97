import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, describe, test } from 'node:test';
import { LoadBalancer } from 'node-multiserver';
import { AppFolder, ask, Load, running } from './instance.js';

const folder = new AppFolder();
after(() => folder.remove());

const app = folder.write(
  'app.cjs',
  `const http = require('node:http');
const kept = [];
http.createServer((req, res) => {
  if (req.url === '/block') { for (;;) {} }
  if (req.url === '/leak') kept.push(Buffer.alloc(64 * 1024 * 1024, 1));
  if (req.url === '/work') for (const end = Date.now() + 50; Date.now() < end; );
  res.end(String(process.pid));
}).listen(0, '127.0.0.1');
`,
);

describe('hangTimeout', () => {
  test('ends a worker whose event loop is blocked, and starts it again, while the others serve', async () => {
    await running(
      ['start', app, '-w', '3', '--listen', '127.0.0.1:0', '--hang-timeout', '1s', '--retries-max', '0'],
      async (instance) => {
        const port = await instance.port();
        const blocked = ask(port, '/block');
        const crash = await instance.line('crash');
        assert.equal((await blocked).status, 502);
        assert.equal(crash.level, 'error');
        assert.match(crash.message, /was killed: its event loop was blocked for more than 1 s; it is started again/);
        assert.equal(crash['signal'], 'SIGKILL');
        const load = new Load(port);
        await instance.line('ready', 4);
        await load.atLeast(50);
        await load.stop();
        assert.deepEqual(load.failures, []);
        assert.equal(instance.workers().length, 3);
      },
    );
  });

  test('moves safe requests that wait for the blocked worker to another one', async () => {
    const balancer = new LoadBalancer();
    try {
      const file = folder.write(
        'once.cjs',
        `require('node:http').createServer((req, res) => {
  if (process.env.MULTISERVER_WORKER === '0' && req.url === '/block') for (;;) {}
  res.end(process.env.MULTISERVER_WORKER);
}).listen(0, '127.0.0.1')`,
      );
      await balancer.spawn(file, { count: 2, hangTimeout: '1s' });
      const [address] = await balancer.listen('127.0.0.1:0');
      assert.ok(address !== undefined && 'port' in address);
      const crash = once(balancer.events, 'crash');
      const { port } = address;
      const answers = await Promise.all(Array.from({ length: 10 }, () => ask(port, '/block')));
      assert.deepEqual(new Set(answers.map(({ text }) => text)), new Set(['1']));
      await crash;
    } finally {
      await balancer.close({ timeout: 0 });
    }
  });
});

test('maxMemory: a worker that takes more is replaced by a new one without losing a request', async () => {
  await running(['start', app, '-w', '2', '--listen', '127.0.0.1:0', '--max-memory', '250MB'], async (instance) => {
    const port = await instance.port();
    const load = new Load(port, '/', 2, 1);
    const leaks = new Map<string, number>();
    for (let i = 0; i < 16 && [...leaks.values()].filter((count) => count >= 4).length < 2; i++) {
      const { text: pid } = await ask(port, '/leak');
      leaks.set(pid, (leaks.get(pid) ?? 0) + 1);
    }
    const { message } = await instance.line('replace', 2);
    assert.match(message, /^Worker \d \(pid \d+\) is replaced: it takes \d+ MB of memory, more than 250 MB$/);
    await instance.line('ready', 4);
    await load.atLeast(50);
    await load.stop();
    assert.deepEqual(load.failures, []);
    assert.equal(instance.lines('crash').length, 0);
  });
});

test('autoscale: a worker more while all are busy', async () => {
  const args = ['start', app, '-w', '1', '--listen', '127.0.0.1:0', '--autoscale-max', '2'];
  await running(args, async (instance) => {
    const load = new Load(await instance.port(), '/work', 4, 0);
    const { workers } = await instance.line('scale');
    await load.stop();
    assert.equal(workers, 2);
    assert.equal(instance.workers().length, 2);
    assert.deepEqual(load.failures, []);
  });
});

test('guards are refused for commands that are no Node apps', async () => {
  const balancer = new LoadBalancer();
  for (const [name, options] of Object.entries({
    hangTimeout: { hangTimeout: '30s' },
    maxMemory: { maxMemory: '1GB' },
    autoscale: { autoscale: { max: 4 } },
  } as const)) {
    await assert.rejects(balancer.spawn(['sleep', '60'], options), {
      code: 'MS_UNSUPPORTED',
      message: new RegExp(`Option "${name}" needs a Node app`),
    });
  }
  await balancer.close();
});
