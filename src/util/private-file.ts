import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Writes a file that only its owner can read, with its folder; whoever reads it meanwhile sees the old one or the new one, whole. */
export function writePrivateFile(path: string, data: string | Buffer): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const fresh = `${path}.${process.pid}`;
  rmSync(fresh, { force: true }); // of a process of the same number that was killed right here
  writeFileSync(fresh, data, { mode: 0o600, flag: 'wx', flush: true });
  try {
    renameSync(fresh, path);
  } catch (error) {
    rmSync(fresh);
    throw error;
  }
}
