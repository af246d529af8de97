import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { writePrivateFile } from '../../util/private-file.js';
import { acmeFailure } from './failure.js';

/** How often whoever holds the lock shows that he lives, and after what time without it he does not, ms. */
const HEARTBEAT = 5000;
const DEAD = 30_000;
/** RFC 8555 §8.3: base64url; also fit for the name of a file. */
const TOKEN = /^[A-Za-z0-9_-]{1,128}$/;

/**
 * What is kept of one authority, in a folder that processes may share:
 *
 *     account.pem            the private key of the account
 *     certificates/NAME.pem  private key, certificate and chain
 *     challenges/TOKEN       what the authority must be answered, by whichever process it asks
 *     lock                   of the process that talks to the authority
 */
export class AcmeStorage {
  readonly folder: string;

  /** @throws MultiserverError MS_ACME_FAILED when nothing could be kept there. */
  constructor(folder: string) {
    this.folder = folder;
    try {
      for (const part of ['certificates', 'challenges']) {
        mkdirSync(join(folder, part), { recursive: true, mode: 0o700 });
        accessSync(join(folder, part), constants.R_OK | constants.W_OK | constants.X_OK);
      }
    } catch (cause) {
      const why = (cause as NodeJS.ErrnoException).code ?? String(cause);
      throw acmeFailure(`The folder ${folder} for certificates cannot be used (${why}).`, cause);
    }
  }

  fileOf(name: string): string {
    return join(this.folder, 'certificates', `${name}.pem`);
  }

  has(name: string): boolean {
    return existsSync(this.fileOf(name));
  }

  keep(name: string, pem: string): void {
    writePrivateFile(this.fileOf(name), pem);
  }

  /** Of the account; made when there is none. `onBad`: there is one that is of no use. */
  accountKey(onBad: (path: string) => void): KeyObject {
    const path = join(this.folder, 'account.pem');
    if (existsSync(path)) {
      try {
        const key = createPrivateKey(readFileSync(path));
        if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key;
      } catch {
        // as one of another kind
      }
      onBad(path);
    }
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    writePrivateFile(path, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    return privateKey;
  }

  /** What it returns withdraws the answer. */
  publish(token: string, answer: string): () => void {
    if (!TOKEN.test(token)) throw acmeFailure('the authority sent a token that is none');
    writePrivateFile(join(this.folder, 'challenges', token), answer);
    return () => this.#forget(token);
  }

  #forget(token: string): void {
    rmSync(join(this.folder, 'challenges', token), { force: true });
  }

  /** Undefined: no process has published one. */
  answerTo(token: string): string | undefined {
    if (!TOKEN.test(token)) return undefined;
    try {
      return readFileSync(join(this.folder, 'challenges', token), 'latin1');
    } catch {
      return undefined;
    }
  }

  /** Undefined: another process has it. What it returns gives it back. A process that was killed keeps it for half a minute. */
  lock(): (() => void) | undefined {
    const path = join(this.folder, 'lock');
    if (!take(path)) {
      if (!isDead(path)) return undefined;
      // Should two do this at the same moment, both get it, and both order: a waste, no more.
      const dead = `${path}.${process.pid}`;
      try {
        renameSync(path, dead);
      } catch {
        return undefined;
      }
      rmSync(dead, { force: true });
      if (!take(path)) return undefined;
    }
    // What a process left behind that was killed.
    for (const token of readdirSync(join(this.folder, 'challenges'))) this.#forget(token);
    const heart = setInterval(() => touch(path), HEARTBEAT).unref();
    return () => {
      clearInterval(heart);
      rmSync(path, { force: true });
    };
  }
}

function take(path: string): boolean {
  try {
    writeFileSync(path, `${process.pid}\n`, { mode: 0o600, flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function isDead(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && Date.now() - stat.mtimeMs > DEAD;
}

function touch(path: string): void {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch {
    // taken away; whoever has it now orders in vain, no more
  }
}
