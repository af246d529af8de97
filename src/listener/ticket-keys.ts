import { randomBytes } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { MultiserverError } from '../errors.js';
import { writePrivateFile } from '../util/private-file.js';

const SIZE = 48;
/** How long keys are used, ms. Sessions older than the last change pay one whole handshake. */
const LIFE = 12 * 3_600_000;

/**
 * What encrypts the sessions that TLS clients keep (RFC 8446 §4.6.1, RFC 5077): kept in a private file, so that another process, or this
 * one after a restart, can resume them; changed twice a day, so that a stolen file opens little.
 */
export class TicketKeys {
  keys: Buffer = randomBytes(SIZE);
  #since: number;
  readonly #path: string | undefined;
  readonly #now: () => number;

  /**
   * Without `path` they live as long as the process.
   * @throws MultiserverError MS_BAD_CERTIFICATE when the file cannot be used or can be read by others.
   */
  constructor(path: string | undefined, now: () => number) {
    this.#path = path;
    this.#now = now;
    this.#since = now();
    if (path !== undefined) this.#share(path);
  }

  /** True: they have changed. */
  refresh(): boolean {
    const before = this.keys;
    if (this.#path !== undefined) this.#share(this.#path);
    else if (this.#now() - this.#since >= LIFE) this.#renew();
    return !before.equals(this.keys);
  }

  #share(path: string): void {
    try {
      const found = readPrivate(path);
      if (found !== undefined && this.#now() - found.since < LIFE) {
        this.keys = found.keys;
        this.#since = found.since;
        return;
      }
      this.#renew();
      writePrivateFile(path, this.keys);
    } catch (cause) {
      if (cause instanceof MultiserverError) throw cause;
      const why = (cause as NodeJS.ErrnoException).code ?? String(cause);
      throw new MultiserverError('MS_BAD_CERTIFICATE', `The file of TLS ticket keys ${path} cannot be used (${why}).`, {
        cause,
      });
    }
  }

  #renew(): void {
    this.keys = randomBytes(SIZE);
    this.#since = this.#now();
  }
}

/** Undefined: there is none, or it is none. */
function readPrivate(path: string): { keys: Buffer; since: number } | undefined {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { mode, mtimeMs } = fstatSync(file);
    if ((mode & 0o077) !== 0) {
      throw new MultiserverError(
        'MS_BAD_CERTIFICATE',
        `The file of TLS ticket keys ${path} can be read by others: chmod 600 it, or delete it.`,
      );
    }
    const keys = Buffer.alloc(SIZE + 1);
    return readSync(file, keys, 0, SIZE + 1, 0) === SIZE ? { keys: keys.subarray(0, SIZE), since: mtimeMs } : undefined;
  } finally {
    closeSync(file);
  }
}
