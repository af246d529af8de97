import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { basename } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { assertSays, CLI, multiserver } from './command.js';
import { AppFolder, running } from './instance.js';

const NO_ADDRESS =
  'is no address to listen on: give a port (3000), "127.0.0.1:3000", "[::1]:3000", "unix:/path" or "fd:3", with "http://" or "https://" before it if it must be one of them.';
const DURATION = "a duration from 1ms to 24h: milliseconds or '200ms', '5s', '10m', '1h'";
const WRONG_USAGE = 2;

describe('what is wrong on the command line is told in one sentence', () => {
  const folder = new AppFolder();
  before(() => {
    folder.write('app.js', 'throw new Error("it was started")');
    folder.write('broken/package.json', '{ "scripts": ');
    folder.write('empty/package.json', '{}');
    folder.write('other/package.json', '{ "scripts": { "start": "next start" } }');
  });
  after(() => folder.remove());

  const endpoint = 'http://127.0.0.1:1';
  const at = (name: string): string => `${folder.path}/${name}`;
  const cases: readonly (readonly [what: string, args: string, message: () => string, env?: NodeJS.ProcessEnv])[] = [
    ['an unknown flag', 'start app.js --prot 3000', () => "Unknown option '--prot' (Did you mean --port?)"],
    ['an unknown command', 'strat app.js', () => "Unknown command 'strat' (Did you mean start?)"],
    [
      'an argument too many',
      'start app.js more',
      () => "Too many arguments for 'start'. Expected 1 argument but got 2; arguments of the app come after --.",
    ],
    ['a flag without its value', 'start app.js -p', () => "Option '-p, --port <n>' argument missing."],
    ['a missing file', 'start sub/none.js', () => `There is no file ${at('sub/none.js')}.`],
    [
      'a command in place of a file',
      'start python3',
      () =>
        `There is no file python3 in ${folder.path}; to run a command that is no Node app, write: multiserver start -- python3 …`,
    ],
    [
      'a folder without package.json',
      'start',
      () =>
        `There is no package.json in ${folder.path} that says what to start: name the app, as in: multiserver start server.js`,
    ],
    [
      'a package.json that names no app',
      'start empty',
      () =>
        `${at('empty/package.json')} has neither a start script nor a main file: name the app, as in: multiserver start server.js`,
    ],
    [
      'a start script that is no Node app',
      'start other',
      () =>
        `The start script of ${at('other/package.json')} ("next start") runs neither a file with node nor a package's command that is JavaScript: name the app, or run it as a command with -p <port>: multiserver start -p 3000 -- npx next start`,
    ],
    ['a missing folder', `start app.js --cwd none`, () => `The directory ${at('none')} does not exist.`],
    [
      'a port that is no number',
      'start app.js -p 80a',
      () => "--port must be a whole number from 0 to 65535; it is '80a'.",
    ],
    [
      'a port that is too large',
      'start app.js -p 65536',
      () => "--port must be a whole number from 0 to 65535; it is '65536'.",
    ],
    [
      'a wrong number of workers',
      'start app.js -w 0',
      () => "--workers must be a whole number from 1 to 1024, or 'auto'; it is 0.",
    ],
    ['a wrong duration', 'start app.js --timeout 5x', () => `--timeout must be ${DURATION}; it is '5x'.`],
    [
      'a wrong duration in the environment',
      'start app.js',
      () => `MULTISERVER_QUEUE_TIMEOUT must be ${DURATION}; it is 'soon'.`,
      { MULTISERVER_QUEUE_TIMEOUT: 'soon' },
    ],
    [
      'a wrong size',
      'start app.js --max-head-size lots',
      () => "--max-head-size must be a size from 1KB to 1MB: bytes or '64KB', '256MB', '1GB'; it is 'lots'.",
    ],
    [
      'a wrong yes or no in the environment',
      'start app.js',
      () => "MULTISERVER_FORWARDED must be true or false; it is 'perhaps'.",
      { MULTISERVER_FORWARDED: 'perhaps' },
    ],
    [
      'values that contradict one another',
      'start app.js --retries-backoff 1s',
      () => '--retries-backoff must not be more than --retries-max-backoff (250); it is 1000.',
    ],
    [
      'a key without its certificate',
      'start app.js --https-key key.pem',
      () => '--https-key was given without --https-cert; both are needed.',
    ],
    [
      'a certificate for endpoints without its key',
      'proxy https://127.0.0.1:1 -p 1 --endpoint-cert client.pem',
      () => '--endpoint-cert was given without --endpoint-key; both are needed.',
    ],
    [
      'an https address without a certificate',
      'proxy http://127.0.0.1:1 --listen https://127.0.0.1:0',
      () => '--https-cert with --https-key, or --acme-domain, is needed for an https address.',
    ],
    [
      'the PROXY protocol from nobody',
      'proxy http://127.0.0.1:1 -p 1 --proxy-protocol',
      () => '--proxy-protocol needs --trust: nobody else may name clients, or connect at all.',
    ],
    [
      'a wrong range of addresses',
      'start app.js --trust 10.0.0.0/99',
      () =>
        "--trust must be a list of addresses, CIDR ranges, 'loopback', 'linklocal' or 'uniquelocal'; it is [ '10.0.0.0/99' ].",
    ],
    [
      'an unknown way to know clients again',
      'start app.js --sticky face',
      () => "--sticky must be cookie, ip, path, sid, header:NAME or cookie:NAME; it is 'face'.",
    ],
    [
      'a secret that is too short',
      'start app.js --sticky cookie',
      () => 'MULTISERVER_STICKY_SECRET must be a text of at least 16 characters.',
      { MULTISERVER_STICKY_SECRET: 'short' },
    ],
    [
      'a secret without its cookie',
      'start app.js --sticky ip --sticky-secret 0123456789abcdef',
      () => "--sticky-secret signs the cookie of --sticky cookie; there is none with 'ip'.",
    ],
    ['a wrong form of log', 'start app.js --log-format xml', () => "--log-format must be pretty or json; it is 'xml'."],
    ['a wrong address', 'start app.js --listen nowhere:x', () => `"nowhere:x" ${NO_ADDRESS}`],
    [
      'a socket that was not handed over',
      'start app.js --listen fd:77',
      () =>
        'fd:77 is no socket that was handed over to this process: whoever starts it must do that, as systemd does with a .socket unit.',
    ],
    [
      'a Unix socket in a missing directory',
      'start app.js --listen unix:/none/x.sock',
      () => 'There is no directory /none for unix:/none/x.sock.',
    ],
    [
      'no endpoint',
      'proxy -p 0',
      () => 'Say what to balance over, as in: multiserver proxy http://10.0.0.7:8080 -p 3000',
    ],
    ['a wrong URL', 'proxy ::::: -p 0', () => "':::::' is no URL of an endpoint, such as http://10.0.0.7:8080."],
    [
      'a URL that is no endpoint',
      `proxy ${endpoint}/path -p 0`,
      () =>
        `"${endpoint}/path" is no endpoint: give "http://host:port" or "https://host:port" (no path), or "unix:/path".`,
    ],
    ['the same endpoint twice', `proxy ${endpoint} ${endpoint} -p 0`, () => `The endpoint ${endpoint} is named twice.`],
    [
      'no address for endpoints',
      `proxy ${endpoint}`,
      () => `Say where to listen with -p or --listen, as in: multiserver proxy ${endpoint} -p 3000`,
    ],
    [
      'no address for a command',
      'start -- python3 app.py',
      () => 'Say where to listen with -p or --listen, as in: multiserver start -p 3000 -- python3 app.py',
    ],
    [
      'a name that cannot be one',
      'status --name a/b',
      () => "The name of an instance must be 1 to 40 letters, digits, '.', '_' or '-'; it is 'a/b'.",
    ],
  ];
  for (const [what, args, message, env = {}] of cases) {
    test(what, async () => {
      const outcome = await multiserver(args.split(' '), { cwd: folder.path, env });
      assert.equal(outcome.stderr, `multiserver: ${message()}\n`);
      assert.equal(outcome.code, WRONG_USAGE);
      assert.doesNotMatch(outcome.stdout, /it was started/);
    });
  }

  test('an algorithm that is not known, with those that are', async () => {
    const outcome = await multiserver(['start', 'app.js', '-a', 'fastest'], { cwd: folder.path });
    assertSays(outcome, WRONG_USAGE, /--algorithm must be one of round-robin, .*least-latency.*; it is 'fastest'\./);
  });

  test('a package.json that is not JSON', async () => {
    const outcome = await multiserver(['start', 'broken'], { cwd: folder.path });
    assertSays(outcome, WRONG_USAGE, /broken\/package\.json is not valid JSON: /);
  });

  test('with its stack when --debug asks for it', async () => {
    const { stderr, code } = await multiserver(['start', 'app.js', '--timeout', '5x', '--debug'], { cwd: folder.path });
    assert.match(stderr, /^multiserver: --timeout must be .*\nMultiserverError: .*\n {4}at /);
    assert.equal(code, WRONG_USAGE);
  });
});

describe('what keeps it from starting is told in one sentence', () => {
  const folder = new AppFolder();
  after(() => folder.remove());

  test('a port that another process has, with that process', async (t) => {
    const taken = createServer().listen(0, '127.0.0.1');
    t.after(() => taken.close());
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const who =
      process.platform === 'linux'
        ? `by node ${basename(fileURLToPath(import.meta.url))} (pid ${process.pid}): end it,`
        : `: "ss -ltnp 'sport = :${port}'" shows by whom; end that,`;
    const outcome = await multiserver(['proxy', 'http://127.0.0.1:1', '--listen', `127.0.0.1:${port}`]);
    assertSays(outcome, 1, `Port ${port} is in use ${who} or choose another port with -p.`);
  });

  test('a port that another instance has, with the command that ends that', async () => {
    await running(['proxy', 'http://127.0.0.1:1', '--listen', '127.0.0.1:0', '--name', 'first'], async (first) => {
      const port = await first.port();
      const args = ['proxy', 'http://127.0.0.1:1', '--listen', `127.0.0.1:${port}`];
      assertSays(
        await multiserver(args, { env: { XDG_RUNTIME_DIR: first.runtime } }),
        1,
        `Port ${port} is in use by the instance first: end it with "multiserver stop --name first", or choose another port with -p.`,
      );
    });
  });

  test('an address of another machine', async () => {
    assertSays(
      await multiserver(['proxy', 'http://127.0.0.1:1', '--listen', '192.0.2.1:0']),
      1,
      '192.0.2.1 is no address of this machine: choose another with --listen ("ip address" shows them).',
    );
  });

  test('a certificate that is not there', async () => {
    const args = ['proxy', 'http://127.0.0.1:1', '-p', '0', '--https-cert', 'no.pem', '--https-key', 'no.key'];
    assertSays(await multiserver(args), 1, 'The certificate no.pem cannot be read: there is no such file.');
  });

  const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  const able = spawnSync(process.execPath, [CLI, '--version'], user).status === 0;
  test('a place where the user may not write', { skip: !able && 'no other user can run it here' }, async () => {
    const closed = new AppFolder();
    const runtime = new AppFolder();
    try {
      chmodSync(closed.path, 0o555);
      if (user.uid !== undefined) chownSync(runtime.path, user.uid, user.gid);
      const path = `${closed.path}/x.sock`;
      assertSays(
        await multiserver(['proxy', 'http://127.0.0.1:1', '--listen', `unix:${path}`], {
          ...user,
          env: { XDG_RUNTIME_DIR: runtime.path },
        }),
        1,
        `${path} may not be made by this user: choose a path that you may write to.`,
      );
    } finally {
      closed.remove();
      runtime.remove();
    }
  });

  test('a command that is not there', async () => {
    assertSays(
      await multiserver(['start', '-p', '0', '--', 'no-such-command']),
      1,
      'no-such-command could not be started: there is no such command.',
    );
  });

  test('an app that never listens', async () => {
    const app = folder.write('never.cjs', 'setInterval(() => {}, 1000)');
    const outcome = await multiserver(['start', app, '-w', '1', '--start-timeout', '1s']);
    assertSays(outcome, 1, `${app} did not listen within 1 s and was ended.`);
  });
});
