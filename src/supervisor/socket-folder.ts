import { lstatSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MultiserverError } from '../errors.js';

/** Longer paths of Unix sockets are cut off in silence: `sun_path` is 108 bytes on Linux and 104 on macOS, with the ending NUL. */
const MAX_PATH = 103;
/** For the name of a socket in the folder: slot, dash and a count, and what the preload adds. */
const ROOM = 32;

function isPrivate(folder: string): boolean {
  const stat = lstatSync(folder);
  return stat.isDirectory() && (stat.mode & 0o777) === 0o700 && stat.uid === process.getuid?.();
}

/** Makes a folder that only this user can look into: who reaches a worker's socket may say to be any client. */
export function makeSocketFolder(
  bases: readonly (string | undefined)[] = [process.env['XDG_RUNTIME_DIR'], tmpdir(), '/tmp'],
): string {
  let cause: unknown;
  for (const base of bases) {
    if (base === undefined || base === '' || Buffer.byteLength(base) + '/ms-XXXXXX/'.length + ROOM > MAX_PATH) continue;
    try {
      const folder = mkdtempSync(join(base, 'ms-'));
      if (isPrivate(folder)) return folder;
      rmSync(folder, { recursive: true, force: true });
    } catch (error) {
      cause = error;
    }
  }
  throw new MultiserverError(
    'MS_WORKER_START_FAILED',
    'There is no folder to be found for the sockets of the workers.',
    { cause },
  );
}

export function removeSocketFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}
