import type { Outcome } from '../../contracts/algorithm.js';
import { EJECTED, READY, type Endpoint } from '../endpoint.js';

export interface PassiveHealthOptions {
  /** Failures in a row that eject an endpoint; 0: never. */
  readonly failures: number;
  /** Milliseconds of the first ejection; the n-th in a row lasts n times as long. */
  readonly ejectTime: number;
  readonly maxEjectTime: number;
  /** Statuses of answers that count as failures. */
  readonly statuses?: readonly number[];
}

export const DEFAULT_HEALTH: PassiveHealthOptions = { failures: 5, ejectTime: 30_000, maxEjectTime: 300_000 };

/** Of an own worker whose connection was refused, ms: that it does not listen is seen at once, whenever it is tried again. */
const REFUSED_TIME = 1000;

/** Counts an attempt's end at the endpoint. True: it has failed so often in a row that it should be ejected. */
export function countOutcome(endpoint: Endpoint, outcome: Outcome, options: PassiveHealthOptions): boolean {
  const { failed, status, longLived } = outcome;
  if (!failed && !isFailure(status, options)) {
    // An attempt that ended before any answer, because the client left, tells nothing, and what began long ago nothing of today.
    if (status !== 0 && !longLived) endpoint.consecutiveFailures = 0;
    return false;
  }
  endpoint.failures++;
  endpoint.consecutiveFailures++;
  return options.failures > 0 && endpoint.consecutiveFailures >= options.failures;
}

/** Counts that a tunnel or an event stream has begun: it is good news now and not when it ends. */
export function countBeginning(endpoint: Endpoint, status: number, options: PassiveHealthOptions): void {
  if (!isFailure(status, options)) endpoint.consecutiveFailures = 0;
}

function isFailure(status: number, { statuses }: PassiveHealthOptions): boolean {
  return statuses !== undefined && statuses.includes(status);
}

/**
 * Failures may eject at most half of the pool and never the last one available: when most endpoints fail, the fault is likelier
 * elsewhere, and the rest could not bear the load. Endpoints that are down for other reasons (starting, draining, in maintenance, an own
 * worker that refused its connection, one whose health check fails) are no part of that pool.
 */
export function mayEject(endpoint: Endpoint, endpoints: readonly Endpoint[]): boolean {
  let ready = 0;
  let ejected = 0;
  for (const other of endpoints) {
    if (other.stateCode === READY) ready++;
    else if (other.stateCode === EJECTED && !other.refused && other.ejectedUntil !== Infinity) ejected++;
  }
  return endpoint.stateCode === READY && ready > 1 && ejected + 1 <= (ready + ejected) / 2;
}

/** Counts the ejection and returns how many milliseconds it lasts. A row ends when an endpoint has lasted as long as it was ejected. */
export function startEjection(endpoint: Endpoint, options: PassiveHealthOptions, now: number, refused = false): number {
  const lasted = now - endpoint.readySince;
  endpoint.ejections =
    endpoint.ejections > 0 && lasted < ejectionTime(endpoint.ejections, options) ? endpoint.ejections + 1 : 1;
  const time = refused ? REFUSED_TIME : ejectionTime(endpoint.ejections, options);
  endpoint.consecutiveFailures = 0;
  endpoint.ejectedUntil = now + time;
  return time;
}

function ejectionTime(ejections: number, options: PassiveHealthOptions): number {
  return Math.min(options.ejectTime * ejections, options.maxEjectTime);
}
