import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { MultiserverError } from '../../errors.js';
import type { AcmeChallenge, ResolvedAcme } from '../../options.js';
import { readPem } from '../../util/pem.js';
import { loadCertificate } from '../certificates.js';
import { AccountKey } from './account-key.js';
import { Authority } from './authority.js';
import { acmeFailure } from './failure.js';
import { dueAt, inWords, type Kept, lackOf, newKept, renewalOf, stateOf } from './kept.js';
import { orderCertificate } from './order.js';
import type { AcmeStorage } from './storage.js';
import { Transport } from './transport.js';

export interface KeeperSettings extends ResolvedAcme {
  readonly store: AcmeStorage;
  /** ms since 1970 */
  readonly wallClock: () => number;
  readonly random: () => number;
  /** How the authority can be shown, with the addresses that are listened on, that a name is ours; the best first. */
  readonly challenges: () => readonly AcmeChallenge[];
  /** Answers the authority by TLS; what it returns ends that. */
  readonly answerByTls: (name: string, authorization: string) => () => void;
  /** A new certificate is in the store, in this file. */
  readonly onObtained: (name: string, file: string, validTo: Date) => void;
  readonly onProblem: (message: string, error?: unknown) => void;
}

const HOUR = 3_600_000;
/** The longest that an authority can put us off. */
const DAY = 24 * HOUR;
/** When another process holds the lock, ms. */
const LOCKED = 1000;
/** A failed attempt after the first waits so many times longer than the one before. Let's Encrypt allows five of them an hour. */
const GROWTH = 3;
/** Sees to it that each name has a certificate in the store, got from the authority and renewed in time. */
export class CertificateKeeper {
  readonly #settings: KeeperSettings;
  readonly #kept: readonly Kept[];
  readonly #ca: string | undefined;
  readonly #ending = new AbortController();
  /** ms since 1970 */
  #startedAt = 0;
  #running: Promise<void> | undefined;

  /** @throws MultiserverError MS_ACME_FAILED when `ca` cannot be read. */
  constructor(settings: KeeperSettings) {
    const { ca } = settings;
    this.#settings = settings;
    this.#ca = ca === undefined ? undefined : readPem(ca, 'certificate', acmeFailure).toString();
    this.#kept = settings.domains.map(newKept);
  }

  /** A second call does nothing. */
  start(): void {
    this.#running ??= this.#run();
  }

  async close(): Promise<void> {
    this.#ending.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending;
    const { wallClock } = this.#settings;
    this.#startedAt = wallClock();
    for (const kept of this.#kept) {
      if (signal.aborted) return;
      this.#begin(kept);
      // There may be thousands, and files are read for each.
      await turn();
    }
    while (!signal.aborted) {
      for (const kept of this.#kept) {
        if (signal.aborted || dueAt(kept) > wallClock()) continue;
        await this.#attend(kept);
        await turn();
      }
      // The clock of the wall may be set, and machines sleep.
      const pause = Math.min(Math.min(...this.#kept.map(dueAt)) - wallClock(), HOUR);
      await sleep(Math.max(pause, 0), undefined, { signal, ref: false }).catch(() => {});
    }
  }

  #begin(kept: Kept): void {
    const { store, directory, wallClock, onProblem } = this.#settings;
    const { name } = kept;
    this.#read(kept);
    this.#recall(kept);
    const now = wallClock();
    const { validTo, waitUntil } = kept;
    // One that cannot be used was told by now.
    if (validTo === undefined ? store.has(name) : validTo.getTime() > now) return;
    const again = waitUntil > now ? ` The last attempt failed; the next is made in ${inWords(waitUntil - now)}.` : '';
    onProblem(`${lackOf(kept)} until ${new URL(directory).host} has issued one.${again}`);
  }

  async #attend(kept: Kept): Promise<void> {
    const { store, wallClock, backoff } = this.#settings;
    let unlock: (() => void) | undefined;
    try {
      unlock = store.lock();
      if (unlock === undefined) {
        kept.waitUntil = wallClock() + LOCKED;
        return;
      }
      // Another process may have renewed it, or failed to.
      this.#read(kept);
      this.#recall(kept);
      if (dueAt(kept) > wallClock()) return;
      await this.#obtain(kept);
      store.noteFailures(kept.name, undefined);
      // Should even the new one be due, not at once.
      kept.waitUntil = wallClock() + backoff;
    } catch (error) {
      if (!this.#ending.signal.aborted) this.#failed(kept, error as Error);
    } finally {
      unlock?.();
    }
  }

  #read(kept: Kept): void {
    const { store, wallClock, random, onProblem } = this.#settings;
    const before = kept.validTo?.getTime();
    kept.validTo = undefined;
    try {
      if (store.has(kept.name)) {
        const certificate = loadCertificate(sourceOf(store, kept.name), wallClock(), undefined, true);
        kept.validTo = certificate.validTo;
        if (certificate.validTo.getTime() !== before) kept.renewAt = renewalOf(certificate, random);
        kept.fault = '';
        return;
      }
    } catch (error) {
      const fault = (error as Error).message;
      if (fault !== kept.fault) onProblem(`${fault} A new one is ordered.`, error);
      kept.fault = fault;
    }
    kept.renewAt = 0;
  }

  /** What failed in one process fails in the next; but whoever starts one anew has mended something, perhaps, and is not to wait for long. */
  #recall(kept: Kept): void {
    const { store, wallClock, backoff } = this.#settings;
    const { count, at, until } = store.failuresOf(kept.name) ?? { count: 0, at: 0, until: 0 };
    kept.failures = count;
    const due = at < this.#startedAt ? Math.min(until, at + backoff) : until;
    // A failure in the future: the clock was set back.
    kept.waitUntil = at > wallClock() ? 0 : due;
  }

  async #obtain(kept: Kept): Promise<void> {
    const { name } = kept;
    const { store, directory, email, answerByTls, onObtained, onProblem, wallClock } = this.#settings;
    const { signal } = this.#ending;
    const challenge = this.#chooseChallenge(kept);
    const key = new AccountKey(
      store.accountKey((path) => onProblem(`The account key ${path} cannot be used; a new account is made.`)),
    );
    const authority = new Authority(directory, key, new Transport(this.#ca, signal));
    await authority.signIn(email);
    const prove = (token: string, authorization: string) =>
      challenge === 'http-01' ? store.publish(token, authorization) : answerByTls(name, authorization);
    const pem = await orderCertificate({ name, authority, key, challenge, prove, signal });
    const { names, validTo } = loadCertificate({ cert: pem, key: pem }, wallClock());
    if (!names.includes(name)) throw acmeFailure('the authority issued a certificate for another name');
    store.keep(name, pem);
    this.#read(kept);
    onObtained(name, store.fileOf(name), validTo);
  }

  /** After a failure the next one, where there are several: a port may be closed on the way. */
  #chooseChallenge({ name, failures }: Kept): AcmeChallenge {
    const { challenge, challenges } = this.#settings;
    const possible = challenges().filter((one) => challenge === undefined || one === challenge);
    const chosen = possible[failures % possible.length];
    if (chosen !== undefined) return chosen;
    throw challenge === 'tls-alpn-01'
      ? acmeFailure('tls-alpn-01 needs an https address, which the authority reaches at port 443')
      : acmeFailure(
          `http-01 needs a plain address, which the authority reaches at port 80 of ${name}: listen at "http://80" too`,
        );
  }

  #failed(kept: Kept, error: Error): void {
    const { store, wallClock, random, backoff, maxBackoff, onProblem } = this.#settings;
    const asked = error instanceof MultiserverError ? Math.min(1000 * error.retryAfter, DAY) : 0;
    const grown = Math.min(backoff * GROWTH ** kept.failures++ * (0.8 + 0.4 * random()), maxBackoff);
    const pause = Math.round(Math.max(asked, grown));
    const at = wallClock();
    kept.waitUntil = at + pause;
    try {
      store.noteFailures(kept.name, { count: kept.failures, at, until: kept.waitUntil });
    } catch {
      // Perhaps it is the folder that failed.
    }
    const what = `No new certificate for ${kept.name}: ${error.message.replace(/\.$/, '')}.`;
    onProblem(`${what} The next attempt is made in ${inWords(pause)}. ${stateOf(kept, at)}`, error);
  }
}

/** Where the store has it. */
export function sourceOf(store: AcmeStorage, name: string): { cert: string; key: string } {
  const file = store.fileOf(name);
  return { cert: file, key: file };
}
