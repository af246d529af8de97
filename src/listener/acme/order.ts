import { generateKeyPairSync } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AcmeChallenge } from '../../options.js';
import type { AccountKey } from './account-key.js';
import type { AcmeObject, Authority } from './authority.js';
import { acmeFailure, describeProblem, type Problem } from './failure.js';
import { certificateRequest } from './requests.js';

/** RFC 8555 §7.1.6: pending, ready, processing, valid, invalid; an authorization may be deactivated, expired, revoked, too. */
interface Order {
  readonly status: string;
  readonly authorizations?: readonly string[];
  readonly finalize?: string;
  readonly certificate?: string;
  readonly error?: Problem;
}

interface Authorization {
  readonly status: string;
  readonly challenges?: readonly Challenge[];
}

interface Challenge {
  readonly type: string;
  readonly url: string;
  readonly token?: string;
  readonly error?: Problem;
}

/** Lets the authority see that this server is the named one; what it returns takes that back. */
export type Prove = (token: string, authorization: string) => () => void;

export interface OrderSettings {
  readonly name: string;
  readonly authority: Authority;
  readonly key: AccountKey;
  readonly challenge: AcmeChallenge;
  readonly prove: Prove;
  readonly signal: AbortSignal;
}

/** Where the authority looks; nothing else is allowed (RFC 8555 §8.3, RFC 8737 §3). */
const PORTS: Readonly<Record<AcmeChallenge, number>> = { 'http-01': 80, 'tls-alpn-01': 443 };
/** Until the authority has looked, and until it has signed, ms. */
const PATIENCE = 120_000;
const FIRST_WAIT = 250;
const MOST_WAIT = 5000;

/**
 *     order ──► authorization ──► challenge: the authority looks at us ──► request signed by a new key ──► certificate
 *
 * Resolves with the new private key and the certificate with its chain, as PEM.
 * @throws MultiserverError MS_ACME_FAILED
 */
export async function orderCertificate(settings: OrderSettings): Promise<string> {
  const { name, authority, signal } = settings;
  const { location, body } = await authority.order<Order>(name);
  for (const url of body.authorizations ?? []) await authorize(url, settings);

  const ready = await settled<Order>(authority, location, ['pending'], signal);
  if (ready.finalize === undefined || ready.status === 'invalid') throw failedOrder(ready);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const csr = certificateRequest(name, privateKey).toString('base64url');
  await authority.post(ready.finalize, { csr });
  const done = await settled<Order>(authority, location, ['ready', 'processing'], signal);
  if (done.certificate === undefined) throw failedOrder(done);
  return `${privateKey.export({ type: 'pkcs8', format: 'pem' })}${await authority.download(done.certificate)}`;
}

async function authorize(url: string, settings: OrderSettings): Promise<void> {
  const { name, authority, key, challenge, prove, signal } = settings;
  const { body } = await authority.post<Authorization>(url);
  // From an order not long ago.
  if (body.status === 'valid') return;
  const { challenges = [] } = body;
  const chosen = challenges.find(({ type }) => type === challenge);
  if (chosen?.token === undefined) {
    const offered = challenges.map(({ type }) => type).join(', ') || 'none';
    throw acmeFailure(`the authority offers no ${challenge} challenge for ${name}, but ${offered}`);
  }
  const withdraw = prove(chosen.token, key.authorize(chosen.token));
  try {
    await authority.post(chosen.url, {});
    const seen = await settled<Authorization>(authority, url, ['pending'], signal);
    if (seen.status === 'valid') return;
    const failed = seen.challenges?.find(({ error }) => error !== undefined);
    throw acmeFailure(
      `the authority could not see by ${challenge}, at port ${PORTS[challenge]}, that ${name} is this server: ${describeProblem(failed?.error)}`,
    );
  } finally {
    withdraw();
  }
}

/** Asks until the status is none of `waiting`. */
async function settled<T extends { readonly status: string }>(
  authority: Authority,
  url: string,
  waiting: readonly string[],
  signal: AbortSignal,
): Promise<T> {
  const end = performance.now() + PATIENCE;
  for (let wait = FIRST_WAIT; ; wait = Math.min(2 * wait, MOST_WAIT)) {
    const { body, retryAfter }: AcmeObject<T> = await authority.post<T>(url);
    if (!waiting.includes(body.status)) return body;
    const pause = Math.max(wait, 1000 * retryAfter);
    if (performance.now() + pause > end) throw acmeFailure('the authority did not decide in time');
    await sleep(pause, undefined, { signal });
  }
}

function failedOrder({ status, error }: Order): Error {
  return acmeFailure(`the authority ended the order as ${status}: ${describeProblem(error)}`);
}
