const SHORTEST = 100;
const LONGEST = 15_000;
/** Up for so long, a worker is taken to be well: the next crash starts from the shortest delay again. */
export const RESET_AFTER = 30_000;

/**
 * How long to wait before the next start: anything from nothing to a limit that doubles with each crash ("full jitter"), so that
 * workers that crash together do not come back together. `crashes` counts from 1.
 */
export function backoffDelay(crashes: number, random: () => number): number {
  const limit = Math.min(LONGEST, SHORTEST * 2 ** Math.min(crashes - 1, 30));
  return Math.round(random() * limit);
}
