import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { AppFolder, CLI, isAlive, Load } from './instance.js';

const folder = new AppFolder();
after(() => folder.remove());

/** As systemd does it: holds the socket, hands it to one process after another as descriptor 3; told to by lines on its input. */
const ACTIVATOR = `import os, signal, socket, subprocess, sys
listener = socket.socket()
listener.bind(('127.0.0.1', 0))
listener.listen(512)
os.dup2(listener.fileno(), 3)
print(listener.getsockname()[1], flush=True)
process = None
for line in sys.stdin:
    if process is not None:
        process.send_signal(signal.SIGTERM)
        print('ended', process.wait(), flush=True)
    if line.strip() == 'start':
        process = subprocess.Popen(sys.argv[1:], pass_fds=(3,), env={**os.environ, 'LISTEN_FDS': '1'}, stdout=subprocess.DEVNULL)
        print('started', process.pid, flush=True)
`;

test('restarted under load on a socket that somebody else holds, it refuses no connection and loses no request', async () => {
  const app = folder.write(
    'app.cjs',
    `require('node:http').createServer((req, res) => setTimeout(() => res.end(String(process.pid)), 5)).listen(4567)`,
  );
  const runtime = mkdtempSync(join(tmpdir(), 'ms-run-'));
  const activator = spawn(
    'python3',
    ['-c', ACTIVATOR, process.execPath, CLI, 'start', app, '-w', '2', '--listen', 'fd:3'],
    { env: { ...process.env, XDG_RUNTIME_DIR: runtime }, stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const said: string[] = [];
  const lines = createInterface(activator.stdout).on('line', (line) => said.push(line));
  const says = async (count: number): Promise<string> => {
    while (said.length < count) await once(lines, 'line');
    return said[count - 1]!;
  };
  try {
    const port = Number(await says(1));
    // the first connections wait for the first process, as those that come between two processes do
    const load = new Load(port, '/', 4, 4);
    activator.stdin.write('start\n');
    await says(2);
    await load.atLeast(100);
    for (let i = 0; i < 3; i++) {
      activator.stdin.write('start\n');
      assert.equal(await says(3 + 2 * i), 'ended 0');
      await says(4 + 2 * i);
      await load.atLeast(100);
    }
    await load.stop();
    assert.deepEqual(load.failures, []);
    activator.stdin.write('end\n');
    assert.equal(await says(9), 'ended 0');
    for (const line of said.filter((text) => text.startsWith('started')))
      assert.equal(isAlive(Number(line.split(' ')[1])), false);
  } finally {
    activator.stdin.end();
    await once(activator, 'exit');
    rmSync(runtime, { recursive: true, force: true });
  }
});
