import type { Outcome } from '../contracts/algorithm.js';

const shared: { -readonly [K in keyof Outcome]: Outcome[K] } = {
  status: 0,
  firstByte: -1,
  waited: 0,
  failed: false,
  longLived: false,
  retryAfter: -1,
};

/** How an attempt ended, in an object that is used again for the next. */
export function outcomeOf(
  status: number,
  firstByte: number,
  waited: number,
  failed: boolean,
  longLived: boolean,
  retryAfter: number,
): Outcome {
  shared.status = status;
  shared.firstByte = firstByte;
  shared.waited = waited;
  shared.failed = failed;
  shared.longLived = longLived;
  shared.retryAfter = retryAfter;
  return shared;
}
