import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { now } from '../../util/clock.js';
import { writePrivateFile } from '../../util/private-file.js';
import { acmeFailure } from './failure.js';
import { LockFile } from './lock.js';

/** Attempts in a row that failed. */
export interface Failures {
  readonly count: number;
  /** Of the last one, ms since 1970. */
  readonly at: number;
  /** When the next one is due, ms since 1970. */
  readonly until: number;
}

/** RFC 8555 §8.3: base64url; also fit for the name of a file. */
const TOKEN = /^[A-Za-z0-9_-]{1,128}$/;

/**
 * What is kept of one authority, in a folder that processes may share:
 *
 *     account.pem            the private key of the account
 *     certificates/NAME.pem  private key, certificate and chain
 *     challenges/TOKEN       what the authority must be answered, by whichever process it asks
 *     failures/NAME.json     while there are any: so that a restart, or another process, does not try again at once
 *     lock                   of the process that talks to the authority
 */
export class AcmeStorage {
  readonly folder: string;
  readonly #lock: LockFile;

  /** @throws MultiserverError MS_ACME_FAILED when nothing could be kept there. */
  constructor(folder: string) {
    this.folder = folder;
    this.#lock = new LockFile(join(folder, 'lock'), now);
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

  /** Instead of any other; only whoever holds the lock does this. What it returns withdraws the answer. */
  publish(token: string, answer: string): () => void {
    if (!TOKEN.test(token)) throw acmeFailure('the authority sent a token that is none');
    const folder = join(this.folder, 'challenges');
    // What a process left behind that was killed.
    for (const old of readdirSync(folder)) rmSync(join(folder, old), { force: true });
    writePrivateFile(join(folder, token), answer);
    return () => rmSync(join(folder, token), { force: true });
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

  failuresOf(name: string): Failures | undefined {
    try {
      const { count, at, until } = JSON.parse(readFileSync(this.#failuresFile(name), 'utf8')) as Partial<Failures>;
      if (typeof count === 'number' && typeof at === 'number' && typeof until === 'number') return { count, at, until };
    } catch {
      // none, or nobody knows what
    }
    return undefined;
  }

  /** Undefined: it has gone well. */
  noteFailures(name: string, failures: Failures | undefined): void {
    const path = this.#failuresFile(name);
    if (failures === undefined) rmSync(path, { force: true });
    else writePrivateFile(path, JSON.stringify(failures));
  }

  #failuresFile(name: string): string {
    return join(this.folder, 'failures', `${name}.json`);
  }

  /** Undefined: another process has it. What it returns gives it back. */
  lock(): (() => void) | undefined {
    return this.#lock.take();
  }
}
