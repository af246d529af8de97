import { performance } from 'node:perf_hooks';

let time = 0;
let isStill = false;

/** The balancer's clock, ms. */
export function now(): number {
  return isStill ? time : performance.now();
}

/**
 * From here to {@link runClock} the clock stands: while what one read has brought is worked off. A request asks for the time ten times,
 * which would be 2 % of what it costs.
 */
export function stopClock(): void {
  time = performance.now();
  isStill = true;
}

export function runClock(): void {
  isStill = false;
}
