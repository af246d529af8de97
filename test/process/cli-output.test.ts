import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { after, describe, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { CLI } from './command.js';
import { AppFolder, running } from './instance.js';

const folder = new AppFolder();
after(() => folder.remove());

const app = folder.write(
  'talker.cjs',
  `require('node:http').createServer().listen(0, '127.0.0.1', () => {
  console.log('first line\\nsecond line');
  console.error('a complaint');
})`,
);
const START = ['start', app, '-w', '2', '--listen', '127.0.0.1:0', '--name', 'talker'];

describe('elsewhere than in a terminal', () => {
  test('every line is a JSON object', async () => {
    await running(START, async (instance) => {
      const boot = await instance.line('boot');
      await instance.line('output', 6);
      for (const line of instance.stdout.split('\n').slice(0, -1)) {
        const { time, level, event, message } = JSON.parse(line) as Record<string, string>;
        assert.ok(!Number.isNaN(Date.parse(time!)), line);
        assert.ok(['info', 'warn', 'error'].includes(level!) && event !== '' && typeof message === 'string', line);
      }
      const { addresses, name, endpoints, algorithm, pid } = boot;
      assert.match(String(addresses), /^http:\/\/127\.0\.0\.1:\d+$/);
      assert.deepEqual(
        { name, endpoints, algorithm, pid },
        { name: 'talker', endpoints: 2, algorithm: 'round-robin', pid: instance.pid },
      );
    });
  });

  test('what workers write says who wrote it', async () => {
    await running(START, async (instance) => {
      await instance.line('output', 6);
      const pids = new Map(instance.lines('ready').map(({ worker, pid }) => [worker, pid]));
      for (const slot of [0, 1]) {
        const lines = instance.lines('output').filter(({ worker }) => worker === slot);
        const of = (stream: string) => lines.filter((line) => line['stream'] === stream).map(({ message }) => message);
        assert.deepEqual(of('stdout'), ['first line', 'second line']);
        assert.deepEqual(of('stderr'), ['a complaint']);
        assert.ok(lines.every(({ pid }) => pid === pids.get(slot)));
      }
    });
  });

  test('--quiet leaves only warnings, errors and what workers write', async () => {
    await running([...START, '--quiet'], async (instance) => {
      await instance.line('output', 6);
      assert.ok(instance.log.every(({ event }) => event === 'output'));
    });
  });
});

/** What is read in a terminal, from a command that ends with Ctrl-C once `last` is there. */
async function inTerminal(args: readonly string[], last: RegExp, env: NodeJS.ProcessEnv = {}): Promise<string> {
  const command = [process.execPath, CLI, ...args].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    // Node takes no terminal of a CI to know colours.
    env: {
      ...process.env,
      CI: undefined,
      NO_COLOR: undefined,
      FORCE_COLOR: undefined,
      XDG_RUNTIME_DIR: folder.path,
      TERM: 'xterm-256color',
      ...env,
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let text = '';
  for await (const piece of child.stdout.setEncoding('utf8')) {
    const before = last.test(text);
    text += String(piece);
    if (!before && last.test(stripVTControlCharacters(text))) child.stdin.write('\u0003'); // what Ctrl-C sends
  }
  return text;
}

const noTerminal = spawnSync('script', ['--version']).status !== 0 && '`script` of util-linux is missing';

describe('in a terminal', { skip: noTerminal }, () => {
  test('a screen shows where it listens and what it balances, and workers have colours of their own', async () => {
    const text = await inTerminal(START, /a complaint[^]*a complaint/);
    const plain = stripVTControlCharacters(text);
    assert.match(plain, /[▰▱]{2} \d of 2 workers of \S*talker\.cjs ready/);
    assert.match(plain, /\n {2}multiserver \d+\.\d+\.\d+\r?\n\r?\n {2}➜ http:\/\/127\.0\.0\.1:\d+\r?\n/);
    assert.match(plain, /balances +2 × \S*talker\.cjs\r?\n +algorithm +round-robin\r?\n +name +talker /);
    assert.match(plain, /worker 0 \d+ │ first line\r?\n/);
    assert.match(plain, /worker 1 \d+ │ a complaint\r?\n/);
    assert.match(plain, /● SIGINT: finishing what is in progress; once more ends it at once\r?\n/);
    assert.match(plain, /● Stopped\r?\n$/);
    const colours = new Set(Array.from(text.matchAll(/(\x1b\[\d+m)worker \d/g), ([, colour]) => colour));
    assert.equal(colours.size, 2);
  });

  test('NO_COLOR is heeded', async () => {
    const text = await inTerminal(START, /a complaint[^]*a complaint/, { NO_COLOR: '1', FORCE_COLOR: undefined });
    assert.doesNotMatch(text, /\x1b\[\d+m/);
  });

  test('--log-format json gives JSON all the same', async () => {
    const text = await inTerminal([...START, '--log-format', 'json'], /"event":"boot"/);
    assert.match(text, /"event":"boot"/);
    assert.doesNotMatch(text, /➜/);
  });
});

test('--log-format pretty gives lines for people, without colours, to a file', async () => {
  await running([...START, '--log-format', 'pretty'], async (instance) => {
    await instance.until(() => instance.stdout.split('a complaint').length === 3, 'both have complained');
    assert.match(instance.stdout, /➜ http:\/\/127\.0\.0\.1:\d+\n/);
    assert.match(instance.stdout, /worker 1 \d+ │ second line\n/);
    assert.ok(!instance.stdout.includes('\x1b'));
  });
});
