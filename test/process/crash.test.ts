import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { AppFolder, ask, isAlive, Load, running, untilGone } from './instance.js';

const KILLS = process.env.MULTISERVER_LONG ? 30 : 4;

const folder = new AppFolder();
after(() => folder.remove());

const app = folder.write(
  'app.cjs',
  `const http = require('node:http');
http.createServer((req, res) => {
  const { pathname, searchParams } = new URL(req.url, 'http://x');
  if (pathname === '/exit') { console.error('last words'); process.exit(Number(searchParams.get('code'))); }
  if (pathname === '/throw') setImmediate(() => { throw new Error('out of order'); });
  else if (pathname === '/slow') setTimeout(() => res.end('late'), 30);
  else res.end(String(process.pid));
}).listen(0, '127.0.0.1');
`,
);

test('no GET is lost when a worker is killed under load, and the worker comes back', async () => {
  await running(['start', app, '-w', '2', '--listen', '127.0.0.1:0'], async (instance) => {
    const port = await instance.port();
    const load = new Load(port, '/slow');
    for (let i = 1; i <= KILLS; i++) {
      await load.atLeast(40);
      const [victim] = instance.workers();
      process.kill(victim!, 'SIGKILL');
      const crash = await instance.line('crash', i);
      assert.equal(crash['pid'], victim);
      assert.equal(crash['signal'], 'SIGKILL');
      await instance.line('ready', 2 + i);
    }
    await load.atLeast(40);
    await load.stop();
    assert.deepEqual(load.failures, []);
    assert.equal(instance.workers().length, 2);
  });
});

test('a crash is told with exit code and last words, and the next worker gets its slot', async () => {
  await running(['start', app, '-w', '1', '--listen', '127.0.0.1:0'], async (instance) => {
    const port = await instance.port();
    const [first] = instance.workers();
    assert.equal((await ask(port, '/exit?code=7')).status, 502);
    const crash = await instance.line('crash');
    assert.deepEqual([crash['worker'], crash['pid'], crash['code'], crash['signal']], [0, first, 7, null]);
    assert.match(String(crash['stderr']), /last words/);
    const ready = await instance.line('ready', 2);
    assert.equal(ready['worker'], 0);
    assert.notEqual(ready['pid'], first);
    assert.equal((await ask(port)).text, String(ready['pid']));
    await ask(port, '/throw').catch(() => {});
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
