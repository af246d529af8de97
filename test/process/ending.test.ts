import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { after, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppFolder, ask, type Instance, isAlive, running, untilGone } from './instance.js';

const folder = new AppFolder();
after(() => folder.remove());

const app = folder.write(
  'app.cjs',
  `const http = require('node:http');
const { spawn } = require('node:child_process');
const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
http.createServer((req, res) => {
  if (req.url === '/block') { res.end('blocked'); setImmediate(() => { for (;;) {} }); }
  else if (req.url === '/slow') setTimeout(() => res.end('done'), 500);
  else if (req.url === '/never') res.flushHeaders();
  else res.end(process.pid + ' ' + child.pid);
}).listen(0, '127.0.0.1');
`,
);

async function pidsOf(instance: Instance, port: number): Promise<number[]> {
  const pids = new Set<number>(instance.workers());
  for (const _ of pids) for (const pid of (await ask(port)).text.split(' ')) pids.add(Number(pid));
  return [...pids];
}

/** That `port` can be listened on. */
async function assertFree(port: number): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', () => server.close(() => resolve()));
  });
}

describe('when multiserver itself is killed, within two seconds nothing of it is left', () => {
  test('of workers whose event loop is blocked, and of what they started', async () => {
    await running(['start', app, '-w', '2', '--listen', '127.0.0.1:0'], async (instance) => {
      const port = await instance.port();
      const pids = await pidsOf(instance, port);
      assert.equal(pids.length, 4);
      await ask(port, '/block');
      process.kill(instance.pid, 'SIGKILL');
      await instance.exit();
      await untilGone(pids, 2000);
      await assertFree(port);
    });
  });

  test('of a command that is no Node app', async () => {
    const script = 'sleep 600 & echo $! > pid; exec python3 -m http.server "$PORT" --bind 127.0.0.1';
    const args = ['start', '-w', '1', '--listen', '127.0.0.1:0', '--', 'sh', '-c', script];
    await running(
      args,
      async (instance) => {
        const port = await instance.port();
        const sleeper = Number((await ask(port, '/pid')).text);
        const pids = [...instance.workers(), sleeper];
        assert.ok(pids.every(isAlive));
        process.kill(instance.pid, 'SIGKILL');
        await instance.exit();
        await untilGone(pids, 2000);
      },
      { cwd: folder.path },
    );
  });
});

describe('Ctrl-C', () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    test(`(${signal}) lets requests in progress end, takes no new ones and leaves no process`, async () => {
      await running(['start', app, '-w', '2', '--listen', '127.0.0.1:0'], async (instance) => {
        const port = await instance.port();
        const pids = await pidsOf(instance, port);
        const slow = ask(port, '/slow');
        await sleep(100);
        instance.child.kill(signal);
        await instance.line('stop');
        assert.equal((await slow).text, 'done');
        assert.equal((await slow).headers.connection, 'close');
        assert.deepEqual(await instance.exit(), { code: 0, signal: null });
        await untilGone(pids);
        await assertFree(port);
      });
    });
  }

  test('a second time ends at once, whatever is in progress', async () => {
    await running(['start', app, '-w', '2', '--listen', '127.0.0.1:0'], async (instance) => {
      const port = await instance.port();
      const pids = await pidsOf(instance, port);
      const never = ask(port, '/never').then(
        () => 'answered',
        () => 'cut',
      );
      await sleep(200);
      instance.child.kill('SIGINT');
      await instance.line('stop');
      await sleep(200);
      assert.ok(!instance.ended, 'it waits for the request in progress');
      instance.child.kill('SIGINT');
      assert.deepEqual(await instance.exit(), { code: 130, signal: null });
      assert.equal(await never, 'cut');
      await untilGone(pids);
    });
  });

  test('while workers are still starting ends it, too', async () => {
    const slow = folder.write('slow.cjs', 'setInterval(() => {}, 1000); console.log("here", process.pid);');
    await running(['start', slow, '-w', '2', '--listen', '127.0.0.1:0'], async (instance) => {
      await instance.until(() => instance.stdout.split('here').length > 2, 'both workers run');
      instance.child.kill('SIGINT');
      await instance.exit();
      const pids = Array.from(instance.stdout.matchAll(/here (\d+)/g), (match) => Number(match[1]));
      assert.equal(pids.length, 2);
      await untilGone(pids);
    });
  });
});
