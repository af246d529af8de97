import type { Certificate } from '../certificates.js';

/** A name, and how it stands with its certificate. */
export interface Kept {
  readonly name: string;
  /** Of the certificate in the store. */
  validTo: Date | undefined;
  /** When a new one is due, ms since 1970. */
  renewAt: number;
  /** Attempts in a row that failed. */
  failures: number;
  /** Nothing is tried earlier, ms since 1970. */
  waitUntil: number;
  /** What was told to be wrong with the certificate in the store. */
  fault: string;
}

/** Renewed after this part of its life, or earlier by up to the second: not all that were issued on one day on one day. */
const RENEWAL = 2 / 3;
const JITTER = 1 / 30;

export function newKept(name: string): Kept {
  return { name, validTo: undefined, renewAt: 0, failures: 0, waitUntil: 0, fault: '' };
}

/** ms since 1970 */
export function renewalOf(
  { validFrom, validTo }: Pick<Certificate, 'validFrom' | 'validTo'>,
  random: () => number,
): number {
  const [from, to] = [validFrom.getTime(), validTo.getTime()];
  return from + (to - from) * (RENEWAL - JITTER * random());
}

/** What clients do not get. */
export function lackOf({ name, validTo }: Kept): string {
  return validTo === undefined
    ? `There is no certificate for ${name} yet: HTTPS clients that ask for it are not served`
    : `The certificate of ${name} expired on ${validTo.toISOString()}: clients refuse it`;
}

/** What clients get until the next attempt. */
export function stateOf({ validTo }: Kept, now: number): string {
  if (validTo === undefined) return 'Until then HTTPS clients that ask for it are not served.';
  const until = validTo.toISOString();
  return validTo.getTime() > now
    ? `The one in use, valid until ${until}, stays.`
    : `The one in use expired on ${until}: clients refuse it.`;
}

/** ms since 1970 */
export function dueAt({ renewAt, waitUntil }: Kept): number {
  return Math.max(renewAt, waitUntil);
}

export function inWords(ms: number): string {
  return ms < 90_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`;
}
