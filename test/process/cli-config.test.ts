import assert from 'node:assert/strict';
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { assertSays, multiserver } from './command.js';
import { AppFolder, ask, type Instance, running } from './instance.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

const echo = async (instance: Instance): Promise<unknown> => JSON.parse((await ask(await instance.port())).text);

describe('multiserver.config', () => {
  let folder: AppFolder;
  beforeEach(() => {
    folder = new AppFolder();
    folder.write(
      'server/app.cjs',
      `require('node:http').createServer((request, response) => {
  response.end(JSON.stringify({ cwd: process.cwd(), args: process.argv.slice(2), color: process.env.PAINT }));
}).listen(0, '127.0.0.1')`,
    );
    mkdirSync(join(folder.path, 'node_modules'));
    symlinkSync(ROOT, join(folder.path, 'node_modules/node-multiserver'));
  });
  afterEach(() => folder.remove());

  const started = (args: readonly string[], play: (instance: Instance) => Promise<void>, env: NodeJS.ProcessEnv = {}) =>
    running(args, play, { cwd: folder.path, env });

  test('in TypeScript says all that start needs, own routes included', async () => {
    folder.write(
      'multiserver.config.ts',
      `import { defineConfig, LEAST_LATENCY, type LoadBalancer } from 'node-multiserver';
const workers: number = 2;
export default defineConfig({
  app: 'server/app.cjs',
  spawn: { count: workers, args: ['--color', 'red'], env: { PAINT: 'red' } },
  listen: ['127.0.0.1:0'],
  name: 'configured',
  algorithm: LEAST_LATENCY,
  setup(balancer: LoadBalancer) {
    balancer.get('/own', (c) => c.text('own'));
  },
});`,
    );
    await started(['start'], async (instance) => {
      const { name, endpoints, algorithm } = await instance.line('boot');
      assert.deepEqual(
        { name, endpoints, algorithm },
        { name: 'configured', endpoints: 2, algorithm: 'least-latency' },
      );
      assert.deepEqual(await echo(instance), { cwd: folder.path, args: ['--color', 'red'], color: 'red' });
      assert.equal((await ask(await instance.port(), '/own')).text, 'own');
    });
  });

  test('in JavaScript and JSON, too', async () => {
    folder.write('multiserver.config.mjs', "export default { app: 'server/app.cjs', spawn: { count: 1 } }");
    await started(['start'], async (instance) => assert.equal((await instance.line('boot'))['endpoints'], 1));
    rmSync(join(folder.path, 'multiserver.config.mjs'));
    folder.write(
      'multiserver.config.json',
      JSON.stringify({ app: 'server', spawn: { count: 1 }, algorithm: 'random', listen: '127.0.0.1:0' }),
    );
    folder.write('server/package.json', '{ "main": "app.cjs" }');
    await started(['start'], async (instance) => assert.equal((await instance.line('boot'))['algorithm'], 'random'));
  });

  test('gives way to variables of the environment, and those to flags, one option at a time', async () => {
    folder.write(
      'multiserver.config.json',
      JSON.stringify({
        app: 'server/app.cjs',
        name: 'file',
        listen: '127.0.0.1:1',
        algorithm: 'random',
        queue: { size: 7, timeout: 'not this' },
        spawn: { count: 3 },
      }),
    );
    const env = { MULTISERVER_NAME: 'variable', MULTISERVER_WORKERS: '2', MULTISERVER_QUEUE_TIMEOUT: '2s' };
    await started(
      ['start', '-w', '1', '--listen', '127.0.0.1:0'],
      async (instance) => {
        const { name, endpoints, algorithm } = await instance.line('boot');
        assert.deepEqual({ name, endpoints, algorithm }, { name: 'variable', endpoints: 1, algorithm: 'random' });
      },
      env,
    );
  });

  test('elsewhere is named by --config, and paths in it are relative to it', async () => {
    folder.write('server/shop.mjs', "export default { app: 'app.cjs', spawn: { count: 1 } }");
    await started(['start', '--config', 'server/shop.mjs'], async (instance) => {
      assert.deepEqual(await echo(instance), { cwd: join(folder.path, 'server'), args: [] });
    });
    await started(['start', 'server/app.cjs', '--config', 'server/shop.mjs'], async (instance) => {
      assert.deepEqual(await echo(instance), { cwd: folder.path, args: [] });
    });
  });

  test('runs a command that is no Node app', async () => {
    folder.write(
      'multiserver.config.json',
      JSON.stringify({
        app: [
          process.execPath,
          '-e',
          "require('http').createServer((q, s) => s.end('foreign')).listen(process.env.PORT)",
        ],
        listen: '127.0.0.1:0',
        spawn: { count: 1 },
      }),
    );
    await started(['start'], async (instance) => assert.equal((await ask(await instance.port())).text, 'foreign'));
  });

  test('tells proxy its endpoints', async () => {
    folder.write('multiserver.config.json', '{ "endpoints": ["http://127.0.0.1:1"], "listen": "127.0.0.1:0" }');
    await started(['proxy'], async (instance) => assert.equal((await instance.line('boot'))['endpoints'], 1));
    await started(['proxy', 'http://127.0.0.1:1', 'http://127.0.0.1:2'], async (instance) =>
      assert.equal((await instance.line('boot'))['endpoints'], 2),
    );
  });

  const DURATION = "a duration from 1ms to 24h: milliseconds or '200ms', '5s', '10m', '1h'";
  const mistakes = [
    ['json', '{ "timout": "5s" }', '"timout" in multiserver.config.json is unknown; did you mean "timeout"?'],
    ['mjs', 'export default { timeout: "5x" }', `"timeout" in multiserver.config.mjs must be ${DURATION}; it is '5x'.`],
    [
      'json',
      '{ "retries": { "backoff": "1s" } }',
      '"retries.backoff" in multiserver.config.json must not be more than "retries.maxBackoff" (250); it is 1000.',
    ],
    ['json', '{ "quiet": "yes" }', `"quiet" in multiserver.config.json must be true or false; it is 'yes'.`],
    ['json', '{ "listen": "nowhere:x" }', /^multiserver: "nowhere:x" is no address to listen on: /],
    [
      'json',
      '{ "algorithm": "best" }',
      /^multiserver: "algorithm" in multiserver\.config\.json must be one of .*; it is 'best'\.\n/,
    ],
    ['json', '{ "timeout": }', /^multiserver: multiserver\.config\.json cannot be read: .*JSON.*\.\n/],
    ['mjs', 'export const timeout = 5', /^multiserver: multiserver\.config\.mjs must export an object by default, /],
    [
      'mjs',
      'throw new Error("the secret is missing")',
      'multiserver.config.mjs cannot be read: the secret is missing.',
    ],
    ['ts', 'import "./none.js"', /^multiserver: multiserver\.config\.ts cannot be read: Cannot find module .*none\.js/],
  ] as const;
  for (const [extension, text, message] of mistakes) {
    test(`that is wrong is told with its name: ${text}`, async () => {
      folder.write(`multiserver.config.${extension}`, text);
      assertSays(await multiserver(['start', 'server/app.cjs'], { cwd: folder.path }), 2, message);
    });
  }

  test('that is not there, or there twice, is told', async () => {
    const start = ['start', 'server/app.cjs'];
    const path = join(folder.path, 'none.ts');
    assertSays(
      await multiserver([...start, '--config', 'none.ts'], { cwd: folder.path }),
      2,
      `There is no configuration file ${path}.`,
    );
    folder.write('multiserver.config.ts', 'export default {}');
    folder.write('multiserver.config.json', '{}');
    assertSays(
      await multiserver(start, { cwd: folder.path }),
      2,
      'There are both multiserver.config.ts and multiserver.config.json: say which with --config.',
    );
  });
});
