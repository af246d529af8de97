import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, beforeEach, describe, test } from 'node:test';
import { assertSays, multiserver, type Outcome } from './command.js';
import { AppFolder, ask, Instance, untilGone } from './instance.js';

const NOT_RUNNING = 3;
const folder = new AppFolder();
after(() => folder.remove());
folder.write(
  'shop/app.cjs',
  `require('node:http').createServer((request, response) => {
  if (request.url === '/slow') console.log('slow'), setTimeout(() => response.end('done'), 1000);
  else response.end('hello');
}).listen(0, '127.0.0.1')`,
);
const shop = join(folder.path, 'shop');
const blog = join(folder.path, 'blog');
mkdirSync(blog);

interface Status {
  readonly name: string;
  readonly folders: readonly string[];
  readonly pid: number;
  readonly requests: number;
  readonly addresses: readonly { host: string; port: number }[];
  readonly endpoints: readonly { id: string; state: string; pid: number; requests: number }[];
}

const names = (found: readonly Status[]): string[] => found.map(({ name }) => name);

describe('a command for running instances', () => {
  /** What all of one test see one another by. */
  let runtime: AppFolder;
  let instances: Instance[];
  beforeEach(() => {
    runtime = new AppFolder();
    instances = [];
  });
  afterEach(async () => {
    await Promise.all(instances.map((instance) => instance.release()));
    runtime.remove();
  });

  const env = (): NodeJS.ProcessEnv => ({ XDG_RUNTIME_DIR: runtime.path });
  async function start(cwd: string, ...args: string[]): Promise<Instance> {
    const instance = new Instance(['start', join(shop, 'app.cjs'), '-w', '1', ...args], { cwd, env: env() });
    instances.push(instance);
    await instance.line('boot');
    return instance;
  }
  const command = (cwd: string, ...args: string[]): Promise<Outcome> => multiserver(args, { cwd, env: env() });
  async function status(cwd: string, ...args: string[]): Promise<Status[]> {
    return JSON.parse((await command(cwd, 'status', '--json', ...args)).stdout) as Status[];
  }

  test('status shows the instance of the folder, where it listens and how its endpoints are', async () => {
    const instance = await start(shop);
    const port = await instance.port();
    await ask(port);
    const { code, stdout } = await command(shop, 'status');
    assert.equal(code, 0);
    assert.match(
      stdout,
      new RegExp(`^shop  http://127\\.0\\.0\\.1:${port}\npid ${instance.pid}, up \\d+s, round-robin, `),
    );
    assert.match(stdout, /\n1 requests, 0 in flight, 0 queued, 0 connections\n/);
    assert.match(stdout, /\nendpoint +state +pid .*\nworker:0 +ready +\d+ .*\n/);

    const [found] = await status(shop);
    assert.deepEqual([found?.name, found?.pid, found?.requests, found?.folders], ['shop', instance.pid, 1, [shop]]);
    assert.deepEqual(found?.addresses[0], { host: '127.0.0.1', port, secure: false });
    const [endpoint] = found.endpoints;
    assert.deepEqual([endpoint?.id, endpoint?.state, endpoint?.pid], ['worker:0', 'ready', instance.workers()[0]]);
  });

  test('status shows all where none runs in the folder, and names those elsewhere', async () => {
    await start(shop);
    await start(blog);
    assert.deepEqual(names(await status(folder.path)), ['blog', 'shop']);
    assert.deepEqual(names(await status(blog)), ['blog']);
    assert.deepEqual(names(await status(blog, '--name', 'shop')), ['shop']);
    assert.match((await command(blog, 'status')).stdout, /\nelsewhere, shown with --name: shop\n$/);
  });

  test('status and stop say that nothing runs', async () => {
    const nothing = await command(shop, 'status');
    assert.deepEqual([nothing.code, nothing.stdout], [NOT_RUNNING, 'No instance is running.\n']);
    assert.deepEqual(await command(shop, 'status', '--json'), { code: NOT_RUNNING, stdout: '[]\n', stderr: '' });
    const stop = await command(shop, 'stop');
    assertSays(stop, NOT_RUNNING, 'No instance is running in this folder; no other is either.');
    await start(blog);
    assertSays(
      await command(shop, 'stop', '--name', 'shop'),
      NOT_RUNNING,
      'No instance named shop is running; choose with --name: blog.',
    );
  });

  test('instances of one folder get numbers, and stop asks which is meant', async () => {
    const [first, second] = [await start(shop), await start(shop)];
    assert.deepEqual(names(await status(shop)), ['shop', 'shop-2']);
    assertSays(await command(shop, 'stop'), 2, '2 instances run in this folder; say which with --name: shop, shop-2.');
    assert.equal((await command(shop, 'stop', '--name', 'shop')).stdout, 'shop has stopped.\n');
    assert.deepEqual([first.ended, second.ended], [true, false]);
    assert.equal((await command(shop, 'stop')).stdout, 'shop-2 has stopped.\n');
    assert.ok(second.ended);
  });

  test('instances that start at once get different names', async () => {
    await Promise.all([start(shop), start(shop), start(shop)]);
    assert.deepEqual(names(await status(shop)), ['shop', 'shop-2', 'shop-3']);
  });

  test('a name that was asked for is refused when it is taken, and the one that has it goes on', async () => {
    const first = await start(shop, '--name', 'mine');
    assertSays(
      await command(blog, 'start', join(shop, 'app.cjs'), '--name', 'mine'),
      1,
      'An instance named mine is already running: end it with "multiserver stop --name mine", or give this one another --name.',
    );
    assert.equal((await ask(await first.port())).text, 'hello');
  });

  test('one that was killed leaves its name to the next', async () => {
    const first = await start(shop);
    const workers = first.workers();
    first.child.kill('SIGKILL');
    await untilGone([first.pid, ...workers]);
    await start(shop);
    assert.deepEqual(names(await status(shop)), ['shop']);
  });

  test('stop waits until what is in progress has ended, and the process is gone', async () => {
    const instance = await start(shop);
    const slow = ask(await instance.port(), '/slow');
    await instance.line('output');
    const { code } = await command(shop, 'stop');
    assert.equal(code, 0);
    assert.equal((await slow).text, 'done');
    await untilGone([instance.pid, ...instance.workers()]);
    assert.equal(instance.child.exitCode, 0);
  });
});
