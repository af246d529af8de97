import type { Endpoint } from './endpoint.js';

export function isFull(endpoint: Endpoint): boolean {
  return endpoint.inFlight - endpoint.longLived >= endpoint.limit;
}

/** The candidates but those that are full or were tried; `some` is used for the list where any is left out. */
export function without(
  candidates: readonly Endpoint[],
  tried: readonly Endpoint[] | null,
  some: Endpoint[],
): readonly Endpoint[] {
  let count = 0;
  for (let i = 0; i < candidates.length; i++) {
    const candidate = candidates[i]!;
    if (isFull(candidate) || (tried !== null && tried.includes(candidate))) continue;
    some[count++] = candidate;
  }
  if (count === candidates.length) return candidates;
  some.length = count;
  return some;
}
