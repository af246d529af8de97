import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { LoadBalancer, type MultiserverError, type SpawnOptions } from 'node-multiserver';
import { type Answer, AppFolder, ask, Instance, isAlive, PATIENCE, running } from './instance.js';

const folder = new AppFolder();
after(() => folder.remove());

/** The error of an app that does not start, which must have left no process. */
async function failure(app: string | string[], options: SpawnOptions = {}): Promise<MultiserverError> {
  const balancer = new LoadBalancer();
  const pids = new Set<number>();
  balancer.events.on('output', (worker) => pids.add(worker.pid));
  try {
    await balancer.spawn(app, { count: 2, ...options });
  } catch (error) {
    for (const pid of pids) assert.equal(isAlive(pid), false, `${pid} was left running`);
    assert.deepEqual(balancer.status().endpoints, []);
    return error as MultiserverError;
  } finally {
    await balancer.close({ timeout: 0 });
  }
  throw new Error('It started.');
}

describe('an app that does not start is reported with what it said last', () => {
  const cases: [what: string, source: string, why: RegExp, options?: SpawnOptions][] = [
    ['throws', 'throw new Error("no such table")', /exited with code 1 before it was ready\.[^]*no such table/],
    ['has a syntax error', 'const a = ;', /exited with code 1 before it was ready\.[^]*SyntaxError/],
    ['misses a module', "require('left-pad-that-is-not-there')", /Cannot find module 'left-pad-that-is-not-there'/],
    ['ends', 'console.error("bye"); process.exit(0)', /exited with code 0 before it was ready\.[^]*bye/],
    [
      'never listens',
      'console.error("waiting for the database"); setInterval(() => {}, 1000)',
      /did not listen within 3 s and was ended\.[^]*waiting for the database/,
      { startTimeout: 3000 },
    ],
    [
      'opens something else only',
      "require('node:net').createServer().listen(0, '127.0.0.1'); console.error('x')",
      /It opened a server that is not an HTTP server, on 127\.0\.0\.1, port 0, which is left alone/,
      { startTimeout: 3000 },
    ],
    [
      'never gets healthy',
      "require('http').createServer((_, res) => { res.statusCode = 500; res.end() }).listen(0); console.error('x')",
      /did not answer \/ready with a status below 400 within 3 s/,
      { startTimeout: 3000, readyPath: '/ready' },
    ],
    [
      'never says that it is ready',
      "require('http').createServer().listen(0); console.error('x')",
      /did not call process\.send\('ready'\) within 3 s/,
      { startTimeout: 3000, readySignal: true },
    ],
    [
      'forks a cluster of its own',
      "console.error('x'); require('node:cluster').fork()",
      /uses node:cluster, but multiserver already runs it on several workers/,
    ],
    [
      'listens on two ports',
      "const http = require('http'); http.createServer().listen(34567); http.createServer().listen(34568)",
      /listens twice, on port 34567 and on port 34568, but only one port can be shared/,
    ],
    ['speaks HTTPS itself', "require('https').createServer({}).listen(0)", /HTTPS or TLS/],
    ['speaks HTTP/2 itself', "require('http2').createServer({}).listen(0)", /HTTP\/2/],
  ];
  for (const [what, source, why, options] of cases) {
    test(what, async () => {
      const file = folder.write(`${what.replaceAll(/\W/g, '-')}.cjs`, source);
      const error = await failure(file, options);
      assert.match(error.code, /^MS_(WORKER_START_FAILED|UNSUPPORTED)$/);
      assert.match(error.message, why);
    });
  }

  test('is not there, or no command', async () => {
    assert.match((await failure('/nowhere/app.js')).message, /\/nowhere\/app\.js/);
    assert.match(
      (await failure(['no-such-command-here'])).message,
      /no-such-command-here could not be started: there is no such command/,
    );
  });
});

/** The answer of a worker; one that has closed its server to listen again is not there for a moment, and resets those who were about to connect. */
async function served(port: number): Promise<Answer> {
  for (;;) {
    const answer = await ask(port);
    if (answer.status === 200) return answer;
    assert.match(answer.text, /MS_NO_ENDPOINT|MS_ENDPOINT_RESET/);
    await sleep(20);
  }
}

describe('an app is served as it is', () => {
  const serve = `(req, res) => res.end(JSON.stringify({ ...server.address(), worker: process.env.MULTISERVER_WORKER }))`;
  const cases: [what: string, name: string, source: string, expected: Record<string, unknown>][] = [
    [
      'in CommonJS',
      'a.cjs',
      `const server = require('http').createServer(${serve}).listen(4567, '127.0.0.1')`,
      { address: '127.0.0.1', family: 'IPv4', port: 4567 },
    ],
    [
      'as an ES module with a top-level await',
      'b.mjs',
      `import { createServer } from 'node:http'; await 0; const server = createServer(${serve}); server.listen({ port: 4567, host: '::1' })`,
      { address: '::1', family: 'IPv6', port: 4567 },
    ],
    [
      'that listens late',
      'c.cjs',
      `let server; setTimeout(() => { server = require('http').createServer(${serve}).listen(4567, '127.0.0.1') }, 400)`,
      { port: 4567 },
    ],
    [
      'that listens on whatever port is free',
      'd.cjs',
      `const server = require('http').createServer(${serve}).listen(0, '127.0.0.1')`,
      { port: 'the public one' },
    ],
    [
      'that closes its server and listens again',
      'e.cjs',
      `const server = require('http').createServer(${serve}).listen(4567, '127.0.0.1', () => server.close(() => server.listen(4568, '127.0.0.1')))`,
      { port: 4568 },
    ],
    [
      'that binds every address of one port, as Fastify does',
      'f.cjs',
      `const { createServer } = require('http'); let server;
const answer = ${serve};
server = createServer(answer).listen(4567, '127.0.0.1', () => createServer(answer).listen(4567, '::1'))`,
      { address: '127.0.0.1', port: 4567 },
    ],
    [
      'with a plain TCP server beside it',
      'g.cjs',
      `require('net').createServer().listen(0, '127.0.0.1'); const server = require('http').createServer(${serve}).listen(4567, '127.0.0.1')`,
      { port: 4567 },
    ],
  ];
  for (const [what, name, source, expected] of cases) {
    test(what, async () => {
      const balancer = new LoadBalancer();
      try {
        await balancer.spawn(folder.write(name, source), { count: 2 });
        const [address] = await balancer.listen('127.0.0.1:0');
        assert.ok(address !== undefined && 'port' in address);
        const seen = new Set<unknown>();
        const deadline = Date.now() + PATIENCE;
        for (let i = 0; i < 4 || (seen.size < 2 && Date.now() < deadline); i++) {
          const { text } = await served(address.port);
          const { worker, ...where } = JSON.parse(text) as Record<string, unknown>;
          seen.add(worker);
          const want: Record<string, unknown> =
            expected['port'] === 'the public one' ? { port: address.port } : expected;
          for (const [key, value] of Object.entries(want)) assert.equal(where[key], value, key);
        }
        assert.equal(seen.size, 2);
      } finally {
        await balancer.close({ timeout: 0 });
      }
    });
  }
});

test('an app in TypeScript is run by its own tsx, where paths of temporary files are long, too', async () => {
  const file = folder.write(
    'typed/app.ts',
    "import { createServer } from 'node:http'; const text: string = 'typed'; createServer((_, res) => res.end(text)).listen(0, '127.0.0.1')",
  );
  const tsx = dirname(createRequire(import.meta.url).resolve('tsx/package.json'));
  mkdirSync(join(folder.path, 'typed/node_modules'));
  symlinkSync(tsx, join(folder.path, 'typed/node_modules/tsx'));
  const long = join(folder.path, 'x'.repeat(90));
  mkdirSync(long);
  await running(
    ['start', file, '-w', '2', '--listen', '127.0.0.1:0'],
    async (instance) => assert.equal((await ask(await instance.port())).text, 'typed'),
    { env: { TMPDIR: long, XDG_RUNTIME_DIR: '' } },
  );
});

test("with readySignal, a worker gets its first request after process.send('ready')", async () => {
  const file = folder.write(
    'signal.cjs',
    `let ready = 'too early';
require('http').createServer((_, res) => res.end(ready)).listen(0, '127.0.0.1', () => setTimeout(() => { ready = 'in time'; process.send('ready') }, 300))`,
  );
  await running(['start', file, '-w', '1', '--listen', '127.0.0.1:0', '--ready-signal'], async (instance) => {
    assert.equal((await ask(await instance.port())).text, 'in time');
  });
});

test('the port and host that the app asks for are taken over where none is given', async () => {
  const file = folder.write(
    'port.cjs',
    "require('http').createServer((_, res) => res.end('here')).listen(0, '127.0.0.1')",
  );
  await running(['start', file, '-w', '2'], async (instance) => {
    const [address] = (await instance.line('boot'))['addresses'] as string[];
    assert.match(address!, /^http:\/\/127\.0\.0\.1:\d+$/);
    assert.equal((await ask(Number(address!.split(':')[2]))).text, 'here');
  });
});

test('the app knows its client, and nothing of the balancer', async () => {
  folder.write('child.cjs', 'process.stdout.write(process.execArgv.concat(process.env.NODE_OPTIONS ?? []).join(" "))');
  const file = folder.write(
    'client.cjs',
    `const http = require('http');
http.createServer((req, res) => {
  const { remoteAddress, remotePort, remoteFamily, localPort, encrypted } = req.socket;
  const child = require('child_process').execFileSync(process.execPath, [__dirname + '/child.cjs']).toString();
  res.end(JSON.stringify({ remoteAddress, remotePort, remoteFamily, localPort, encrypted, fields: Object.keys(req.headers).sort(),
    raw: req.rawHeaders.filter((_, i) => i % 2 === 0 && /multiserver/i.test(_)), child, execArgv: process.execArgv, env: Object.keys(process.env).filter((k) => /MULTISERVER/.test(k)).sort() }));
}).listen(0, '127.0.0.1');
`,
  );
  await running(['start', file, '-w', '1', '--listen', '127.0.0.1:0'], async (instance) => {
    const port = await instance.port();
    const options = { localAddress: '127.0.0.3', headers: { 'x-multiserver-client': 'https;9.9.9.9;1;1' } };
    const seen = JSON.parse((await ask(port, '/', options)).text) as Record<string, unknown>;
    assert.equal(seen['remoteAddress'], '127.0.0.3');
    assert.equal(seen['remoteFamily'], 'IPv4');
    assert.equal(seen['localPort'], port);
    assert.equal(seen['encrypted'], false);
    assert.ok((seen['remotePort'] as number) > 0);
    assert.deepEqual(seen['raw'], []);
    assert.ok(!(seen['fields'] as string[]).some((name) => name.startsWith('x-multiserver')));
    assert.equal(seen['child'], '', 'what the app starts has no flags of ours');
    assert.deepEqual(seen['execArgv'], []);
    assert.deepEqual(seen['env'], ['MULTISERVER_WORKER', 'MULTISERVER_WORKER_COUNT']);
  });
});

test('an app that does not start ends the command with its last words, and without a stack of ours', async () => {
  const file = folder.write('broken.cjs', 'console.error("the database is away"); process.exit(5)');
  const instance = new Instance(['start', file, '-w', '2', '--listen', '127.0.0.1:0']);
  const { code } = await instance.exit();
  assert.notEqual(code, 0);
  assert.match(instance.stderr, /exited with code 5 before it was ready/);
  assert.match(instance.stderr, /the database is away/);
  assert.doesNotMatch(instance.stderr, /\n\s+at /);
  await instance.release();
});
