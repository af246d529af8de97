import { readdirSync, readlinkSync } from 'node:fs';

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
