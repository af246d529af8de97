import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pause } from './peer.js';

const KINDS = new Set([
  'TCPSocketWrap',
  'TCPServerWrap',
  'TCPConnectWrap',
  'PipeWrap',
  'PipeServerWrap',
  'PipeConnectWrap',
]);

/** How many sockets this process holds: on Linux the kernel's own account, elsewhere the event loop's. */
export function countSockets(): number {
  if (process.platform !== 'linux') return process.getActiveResourcesInfo().filter((kind) => KINDS.has(kind)).length;
  let count = 0;
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      if (readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:')) count++;
    } catch {
      // closed meanwhile
    }
  }
  return count;
}

/** Timers that keep the process alive. */
export const countTimers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;

/** How many bytes the kernel takes over one Unix socket on which nobody reads, written in such pieces. */
export async function kernelBuffer(piece: Buffer): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'ms-'));
  const path = join(folder, 'k');
  const server = net.createServer({ pauseOnConnect: true });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const accepted = new Promise<net.Socket>((resolve) => server.once('connection', resolve));
  const socket = net.connect(path);
  const other = await accepted;
  // The write that does not fit leaves the rest of its piece behind.
  while (socket.writableLength === 0) {
    socket.write(piece);
    await pause(0);
  }
  const taken = socket.bytesWritten - socket.writableLength;
  socket.destroy();
  other.destroy();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true, force: true });
  return taken;
}
