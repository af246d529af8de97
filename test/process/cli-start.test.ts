import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { CLI, multiserver } from './command.js';
import { AppFolder, ask, type Instance, type InstanceSetting, PATIENCE, running } from './instance.js';

const folder = new AppFolder();
after(() => folder.remove());

/** Tells how it was started. */
const ECHO = `require('node:http').createServer((request, response) => response.end(JSON.stringify({
  args: process.argv.slice(2), cwd: process.cwd(), env: process.env, title: process.title, execArgv: process.execArgv,
}))).listen(0, '127.0.0.1')`;
const app = folder.write('echo.cjs', ECHO);

interface Echo {
  readonly args: string[];
  readonly cwd: string;
  readonly env: Record<string, string>;
  readonly title: string;
  readonly execArgv: string[];
}

/** What a worker says of itself when `multiserver start` is called with `args`. */
async function started(args: readonly string[], setting: InstanceSetting, check: (echo: Echo) => void): Promise<void> {
  await running(['start', '-w', '1', ...args], async (instance) => check(await echoOf(instance)), setting);
}

async function echoOf(instance: Instance): Promise<Echo> {
  return JSON.parse((await ask(await instance.port())).text) as Echo;
}

describe('start finds the app', () => {
  test('that the start script of package.json runs with node, with its variables, flags and arguments', async () => {
    const script = "A='two words' B=2 node --title shop -r ./first.cjs src/server --color red";
    folder.write('script/package.json', JSON.stringify({ scripts: { start: script }, main: 'wrong.js' }));
    folder.write('script/src/server.cjs', ECHO);
    folder.write('script/first.cjs', 'process.env.FIRST = "yes"');
    await started([], { cwd: join(folder.path, 'script') }, ({ args, env, title }) => {
      assert.deepEqual(args, ['--color', 'red']);
      assert.deepEqual([env['A'], env['B'], env['FIRST'], title], ['two words', '2', 'yes', 'shop']);
    });
  });

  test('that is the main file of package.json, in the folder that is named', async () => {
    folder.write('main/package.json', JSON.stringify({ main: './lib' }));
    folder.write('main/lib/index.js', ECHO);
    await started([join(folder.path, 'main')], {}, ({ args }) => assert.deepEqual(args, []));
  });

  test('in the working directory that --cwd gives it', async () => {
    const inner = folder.write('inner/echo.cjs', ECHO).replace('/echo.cjs', '');
    await started(['echo', '--cwd', 'inner'], { cwd: folder.path }, ({ cwd }) => assert.equal(cwd, inner));
  });
});

describe('start hands on', () => {
  test('to the app what stands after --', async () => {
    await started([app, '--', '-w', '7', '--', 'more'], {}, ({ args }) =>
      assert.deepEqual(args, ['-w', '7', '--', 'more']),
    );
  });

  test('to node what --node-args says', async () => {
    await started([app, '--node-args', "--title='my shop' --no-warnings"], {}, ({ title, execArgv }) => {
      assert.equal(title, 'my shop');
      assert.ok(execArgv.includes('--no-warnings'));
    });
  });

  test('the variables of --env-file, but not over those that are set', async () => {
    folder.write('.env', 'FROM_FILE="of the file"\nSET=in the file\n');
    const setting = { cwd: folder.path, env: { SET: 'before' } };
    await started(['echo.cjs', '--env-file', '.env'], setting, ({ env }) => {
      assert.deepEqual([env['FROM_FILE'], env['SET']], ['of the file', 'before']);
    });
  });
});

/** How many workers `start` brings up. */
async function workers(args: readonly string[], env: NodeJS.ProcessEnv): Promise<unknown> {
  let endpoints: unknown;
  const play = async (instance: Instance): Promise<void> => {
    ({ endpoints } = await instance.line('boot'));
  };
  await running(['start', app, ...args], play, { env });
  return endpoints;
}

describe('options come', () => {
  test('from variables of the environment', async () => {
    assert.equal(await workers([], { MULTISERVER_WORKERS: '3' }), 3);
  });

  test('from flags before that', async () => {
    assert.equal(await workers(['-w', '2'], { MULTISERVER_WORKERS: '3' }), 2);
  });

  test('from flags even where the variable is wrong', async () => {
    assert.equal(await workers(['--workers=1'], { MULTISERVER_WORKERS: 'lots' }), 1);
  });
});

describe('it listens', () => {
  test('on all interfaces with -p', async () => {
    await running(['start', app, '-w', '1', '-p', '0'], async (instance) => {
      const port = await instance.port();
      for (const host of ['127.0.0.1', '127.0.0.2']) assert.equal((await ask(port, '/', { host })).status, 200);
      const { addresses } = await instance.line('boot');
      assert.deepEqual(addresses, [`http://localhost:${port}`]);
    });
  });

  test('on every address that --listen gives, Unix sockets too', async () => {
    const path = join(folder.path, 'listen.sock');
    const args = ['start', app, '-w', '1', '--listen', '127.0.0.1:0', '--listen', `unix:${path},127.0.0.2:0`];
    await running(args, async (instance) => {
      const { addresses } = await instance.line('boot');
      const [first, second, third] = addresses as string[];
      assert.equal(second, `unix:${path}`);
      for (const where of [
        { host: '127.0.0.1', port: Number(first!.split(':')[2]) },
        { host: '127.0.0.2', port: Number(third!.split(':')[2]) },
        { socketPath: path },
      ]) {
        assert.equal((await ask(0, '/', where)).status, 200);
      }
    });
  });

  test('on a socket that whoever started it has opened', { timeout: PATIENCE }, async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
    const name = `fd-${process.pid}`;
    const child = spawn(process.execPath, [CLI, 'start', app, '-w', '1', '--listen', 'fd:3', '--name', name], {
      env: { ...process.env, XDG_RUNTIME_DIR: folder.path },
      stdio: ['ignore', 'ignore', 'inherit', fd],
    });
    try {
      server.close(); // from here on only the child accepts; until then connections wait in its backlog
      assert.equal((await ask(port)).status, 200);
      const { code } = await multiserver(['stop', '--name', name], { env: { XDG_RUNTIME_DIR: folder.path } });
      assert.equal(code, 0);
    } finally {
      server.close();
      child.kill('SIGTERM');
    }
  });
});
