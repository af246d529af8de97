import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

// Where Debian puts it is not on everybody's path.
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };

/** False where it is installed. */
export const haproxyMissing = spawnSync('haproxy', ['-v'], { env }).status !== 0 && 'haproxy is not installed';

/** HAProxy as `sections` say, for the length of `play`; `files` lie in the folder it runs in. */
export async function withHaproxy(
  sections: string,
  ports: readonly number[],
  play: () => Promise<void>,
  files: Readonly<Record<string, string>> = {},
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'ms-haproxy-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const limits = 'timeout connect 5s\n  timeout client 20s\n  timeout server 20s';
  writeFileSync(
    join(folder, 'haproxy.cfg'),
    `global\n  maxconn 100\ndefaults\n  mode http\n  ${limits}\n${sections}\n`,
  );
  const child = spawn('haproxy', ['-db', '-f', 'haproxy.cfg'], {
    cwd: folder,
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(child, 'exit');
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (said += text));
  try {
    for (const port of ports) {
      while (!(await accepts(port))) {
        if (child.exitCode !== null) throw new Error(`haproxy did not start: ${said}`);
        await sleep(50);
      }
    }
    await play();
  } finally {
    child.kill();
    await ended;
    rmSync(folder, { recursive: true });
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: 'localhost' });
    socket.once('error', () => resolve(false)).once('connect', () => resolve(true));
    socket.once('connect', () => socket.destroy());
  });
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
