import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { AppFolder, ask, CLI, control, Load, running, untilGone } from './instance.js';

const folder = new AppFolder();
after(() => folder.remove());

const source = (version: string) =>
  `console.log('pid', process.pid); require('node:http').createServer((req, res) => res.end('${version}')).listen(0, '127.0.0.1')`;

describe('SIGHUP', () => {
  test('replaces the workers by what is in the files now, under load', async () => {
    const app = folder.write('hup.cjs', source('v1'));
    await running(['start', app, '-w', '2', '--listen', '127.0.0.1:0'], async (instance) => {
      const port = await instance.port();
      const load = new Load(port);
      await load.atLeast(50);
      const before = instance.workers();
      folder.write('hup.cjs', source('v2'));
      // all that come while one is under way are one
      for (let i = 0; i < 5; i++) instance.child.kill('SIGHUP');
      await instance.line('reloaded');
      await load.stop();
      assert.deepEqual(load.failures, []);
      assert.equal((await ask(port)).text, 'v2');
      await untilGone(before);
      assert.ok(instance.lines('reload').length <= 2);
    });
  });

  test('to a version that does not start leaves the old one serving, and is told', async () => {
    const app = folder.write('bad.cjs', source('v1'));
    await running(['start', app, '-w', '2', '--listen', '127.0.0.1:0'], async (instance) => {
      const port = await instance.port();
      folder.write('bad.cjs', 'throw new Error("no such table")');
      instance.child.kill('SIGHUP');
      const { level, message } = await instance.line('reload-failed');
      assert.equal(level, 'error');
      assert.match(message, /the old ones serve on: [^]*exited with code 1 before it was ready[^]*no such table/);
      assert.equal((await ask(port)).text, 'v1');
    });
  });

  test('of a terminal that is closed ends it', async () => {
    const app = folder.write('terminal.cjs', source('v1'));
    const runtime = mkdtempSync(join(tmpdir(), 'ms-run-'));
    const play = `import json, os, pty, re, sys
pid, fd = pty.fork()
if pid == 0: os.execvp(sys.argv[1], sys.argv[1:])
text = b''
while b'http://127.0.0.1' not in text: text += os.read(fd, 1000)
os.close(fd)
_, status = os.waitpid(pid, 0)
print(json.dumps({ 'signal': os.WTERMSIG(status), 'pids': [int(x) for x in set(re.findall(rb'pid (\\d+)', text))] }))
`;
    try {
      const args = ['-c', play, process.execPath, CLI, 'start', app, '-w', '1', '--listen', '127.0.0.1:0'];
      const env = { ...process.env, XDG_RUNTIME_DIR: runtime, NO_COLOR: '1' };
      const child = spawn('python3', args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
      let text = '';
      child.stdout.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      await once(child, 'close');
      const { signal, pids } = JSON.parse(text) as { signal: number; pids: number[] };
      assert.equal(signal, constants.signals.SIGHUP);
      assert.ok(pids.length > 0);
      await untilGone(pids);
    } finally {
      rmSync(runtime, { recursive: true, force: true });
    }
  });
});

describe('the control socket', () => {
  test('reloads, and answers when that is done', async () => {
    const app = folder.write('asked.cjs', source('v1'));
    await running(['start', app, '-w', '2', '--listen', '127.0.0.1:0'], async (instance) => {
      const port = await instance.port();
      folder.write('asked.cjs', source('v2'));
      assert.deepEqual(await control(instance, 'reload'), { workers: 2 });
      assert.equal((await ask(port)).text, 'v2');
      folder.write('asked.cjs', 'process.exit(9)');
      const failed = (await control(instance, 'reload')) as { error: string };
      assert.match(failed.error, /exited with code 9/);
    });
  });

  test('changes the number of workers', async () => {
    const app = folder.write('scaled.cjs', source('v1'));
    await running(['start', app, '-w', '2', '--listen', '127.0.0.1:0'], async (instance) => {
      await instance.port();
      assert.deepEqual(await control(instance, 'scale', '+1'), { workers: 3 });
      assert.deepEqual(await control(instance, 'scale', 1), { workers: 1 });
      const { error } = (await control(instance, 'scale', 'many')) as { error: string };
      assert.match(error, /number of workers must come to 1 to 1024/);
      await instance.line('scaled', 2);
    });
  });
});
