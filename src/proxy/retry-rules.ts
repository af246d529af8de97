import type { ErrorCode, MultiserverError } from '../errors.js';
import type { Exchange, Head } from '../exchange.js';
import { F_IDEMPOTENCY_KEY, F_RETRY_AFTER } from '../http1/fields.js';

/** Doing it twice is as doing it once (RFC 9110 §9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);
/** Doing it changes nothing (RFC 9110 §9.2.1). */
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Whether sending a request once more can do no harm, after the endpoint may have seen it. `reused`: on a connection that was idle;
 * `byKey`: endpoints know by its Idempotency-Key what comes twice.
 */
export function isRepeatable(exchange: Exchange, byKey: boolean, reused: boolean): boolean {
  return (reused ? IDEMPOTENT : SAFE).has(exchange.method) || (byKey && hasKey(exchange));
}

/** Whether its body is kept for that. */
export function isKept(exchange: Exchange, byKey: boolean): boolean {
  return IDEMPOTENT.has(exchange.method) || (byKey && hasKey(exchange));
}

function hasKey({ head }: Exchange): boolean {
  return head.kinds.includes(F_IDEMPOTENCY_KEY);
}

/** Whether another endpoint is asked when one has answered with this status. */
export function isRepeatedFor(status: number, method: string, statuses: readonly number[]): boolean {
  return statuses.length > 0 && statuses.includes(status) && SAFE.has(method);
}

/** 504 among the statuses that are retried is also the one that the balancer itself would answer for an endpoint that is too slow. */
export function isRepeatedWhenSlow(code: ErrorCode, method: string, statuses: readonly number[]): boolean {
  return code === 'MS_RESPONSE_TIMEOUT' && statuses.includes(504) && SAFE.has(method);
}

/** Nobody listens there. The private socket of an own worker that died is not there any more, either. */
export function isRefusal({ cause }: MultiserverError): boolean {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  return code === 'ECONNREFUSED' || code === 'ENOENT';
}

/** Seconds of the Retry-After field; -1 for none, a date or nonsense. */
export function retryAfterOf({ pairs, kinds }: Head): number {
  const at = kinds.indexOf(F_RETRY_AFTER);
  return at >= 0 && /^\d{1,6}$/.test(pairs[2 * at + 1]!) ? Number(pairs[2 * at + 1]) : -1;
}
