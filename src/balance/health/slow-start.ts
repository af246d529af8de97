import { type Endpoint, READY } from '../endpoint.js';

/** Share of its weight and limit that an endpoint begins with. */
const FIRST_SHARE = 0.1;
/** Weights are renewed this often while one grows: fine enough for a smooth ramp, and no clock is read between. */
export const RAMP_STEPS = 20;

/** Slow only where others are warm and can bear the load meanwhile: not when the whole pool starts. */
export function startsSlowly(
  endpoint: Endpoint,
  endpoints: readonly Endpoint[],
  slowStart: number,
  now: number,
): boolean {
  if (slowStart === 0) return false;
  return endpoints.some(
    (other) => other !== endpoint && other.stateCode === READY && now - other.readySince >= slowStart,
  );
}

/** Another time for the growth: it goes on from where it is. */
export function stretch(endpoint: Endpoint, slowStart: number, next: number, now: number): void {
  const left = endpoint.rampUntil - now;
  if (left > 0) endpoint.rampUntil = now + (left / slowStart) * next;
}

/** Sets weight and limit for this moment. True: the endpoint is still growing. */
export function ramp(endpoint: Endpoint, slowStart: number, maxConcurrent: number, now: number): boolean {
  const left = endpoint.rampUntil - now;
  const share = left > 0 ? FIRST_SHARE + (1 - FIRST_SHARE) * (1 - left / slowStart) : 1;
  endpoint.weight = endpoint.fullWeight * share;
  endpoint.limit = maxConcurrent === Infinity ? Infinity : Math.max(1, Math.ceil(maxConcurrent * share));
  if (left <= 0) endpoint.rampUntil = 0;
  return left > 0;
}
