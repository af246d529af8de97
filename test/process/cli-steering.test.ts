import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { assertSays, multiserver, type Outcome } from './command.js';
import { AppFolder, ask, type Instance, running } from './instance.js';

const folder = new AppFolder();
after(() => folder.remove());

const SERVE = `require('node:http').createServer((request, response) => {
  if (request.url !== '/slow') return response.end(process.env.MULTISERVER_WORKER);
  console.log('slow');
  const waiting = setInterval(() => {
    if (!require('node:fs').existsSync(__dirname + '/go')) return;
    clearInterval(waiting);
    response.end('done');
  }, 20);
}).listen(0, '127.0.0.1')`;
const app = folder.write('app.cjs', SERVE);

/** Two workers, and how to call a command for their instance. */
function steering(
  sentence: string,
  play: (instance: Instance, call: (...args: string[]) => Promise<Outcome>) => Promise<void>,
): void {
  test(sentence, async () => {
    await running(['start', app, '-w', '2', '--name', 'steered'], async (instance) => {
      await instance.line('boot');
      await play(instance, async (...args) =>
        multiserver([...args, '--name', 'steered'], { env: { XDG_RUNTIME_DIR: instance.runtime } }),
      );
    });
  });
}

/** The slots that answer. */
async function answering(instance: Instance): Promise<string[]> {
  const port = await instance.port();
  const slots = new Set<string>();
  for (let i = 0; i < 6; i++) slots.add((await ask(port)).text);
  return [...slots].toSorted();
}

steering('scale changes the number of workers, up, down and by so many', async (instance, call) => {
  assert.deepEqual(await call('scale', '3'), { code: 0, stdout: 'steered: 3 workers serve.\n', stderr: '' });
  assert.deepEqual(await answering(instance), ['0', '1', '2']);
  assert.equal((await call('scale', '-2')).stdout, 'steered: 1 worker serves.\n');
  assert.deepEqual(await answering(instance), ['0']);
  assert.equal((await call('scale', '+1')).stdout, 'steered: 2 workers serve.\n');
  assertSays(await call('scale', 'many'), 1, /The instance steered refused "scale": .*"many" was given\./);
  assertSays(await call('scale'), 2, "Missing required argument 'n'.");
});

steering('reload replaces every worker', async (instance, call) => {
  const before = instance.workers();
  assert.deepEqual(await call('reload'), { code: 0, stdout: 'steered: 2 new workers serve.\n', stderr: '' });
  assert.deepEqual(await answering(instance), ['0', '1']);
  const now = instance.workers().filter((pid) => !before.includes(pid));
  assert.equal(now.length, 2);
});

steering(
  'a reload to an app that does not start says so with its last words, and the old one serves on',
  async (instance, call) => {
    folder.write('app.cjs', 'throw new Error("the new one is broken")');
    try {
      const { code, stderr } = await call('reload');
      assert.equal(code, 1);
      assert.match(stderr, /^multiserver: The instance steered refused "reload": [^\n]*app\.cjs exited with code 1 /);
      assert.match(stderr, /\nError: the new one is broken\n/);
      assert.deepEqual(await answering(instance), ['0', '1']);
    } finally {
      folder.write('app.cjs', SERVE);
    }
  },
);

steering(
  'drain takes an endpoint out once its requests have ended, and resume brings it back',
  async (instance, call) => {
    const port = await instance.port();
    const slow = ask(port, '/slow');
    const { worker } = await instance.line('output');
    const other = worker === 0 ? '1' : '0';
    assert.deepEqual(await call('drain', `worker:${String(worker)}`), {
      code: 0,
      stdout: `worker:${String(worker)} is draining, with 1 request in progress.\n`,
      stderr: '',
    });
    assert.deepEqual(await answering(instance), [other]);
    folder.write('go', '');
    assert.equal((await slow).text, 'done');
    assert.equal(
      (await call('resume', String(worker))).stdout,
      `worker:${String(worker)} is ready, with 0 requests in progress.\n`,
    );
    const told = (text: string) => instance.log.some(({ message }) => message.endsWith(text));
    await instance.until(
      () => told('ready → draining (draining)') && told('is ready: by hand'),
      'both to be in the log',
    );
    assert.deepEqual(await answering(instance), ['0', '1']);
  },
);

steering('maintenance outlasts the worker that was put into it', async (instance, call) => {
  const [first] = instance.workers();
  const slot = instance.lines('ready').find(({ pid }) => pid === first)!['worker'];
  const other = slot === 0 ? '1' : '0';
  assert.match((await call('maintenance', String(slot))).stdout, /^worker:\d is in maintenance, with 0 requests/);
  process.kill(first!, 'SIGKILL');
  await instance.line('crash');
  await instance.until(
    () => instance.log.some(({ message }) => message.includes('still in maintenance')),
    'it is back',
  );
  assert.deepEqual(await answering(instance), [other]);
  await call('resume', String(slot));
  assert.deepEqual(await answering(instance), ['0', '1']);
});

steering('a worker that is down is put into maintenance for when it is back', async (instance, call) => {
  folder.write('app.cjs', 'throw new Error("not now")');
  try {
    const [pid] = instance.workers();
    const slot = instance.lines('ready').find((line) => line.pid === pid)!['worker'];
    process.kill(pid!, 'SIGKILL');
    await instance.until(() => instance.log.some(({ message }) => message.includes('not now')), 'it to be down');
    assert.match((await call('maintenance', String(slot))).stdout, /^worker:\d is in maintenance, with 0 requests/);
    assert.match((await call('resume', String(slot))).stdout, /^worker:\d is starting, with 0 requests/);
    assert.equal((await call('maintenance', String(slot))).code, 0);
    folder.write('app.cjs', SERVE);
    await instance.until(
      () => instance.log.some(({ message }) => message.includes('still in maintenance')),
      'it to be back',
    );
    assert.deepEqual(await answering(instance), [slot === 0 ? '1' : '0']);
  } finally {
    folder.write('app.cjs', SERVE);
  }
});

steering('an endpoint that is not there is refused with those that are', async (_instance, call) => {
  assertSays(
    await call('drain', 'worker:7'),
    1,
    'The instance steered refused "drain": There is no endpoint "worker:7"; there are: worker:0, worker:1.',
  );
});
