import { hashOf } from '../../util/hash.js';
import { RecentMap } from '../../util/recent-map.js';

export interface RateLimitOptions {
  /** Tokens that come back in a second. */
  readonly rate: number;
  /** Tokens of a full bucket: requests that may come at once. */
  readonly burst: number;
  /** Keys remembered; half as many are always exact. */
  readonly keys?: number;
}

/** A rounding error must not cost a token. */
const EPSILON = 1e-6;

/**
 * A token bucket for each key. Kept as one number a key: the time at which its bucket will be full again (GCRA), so that nothing has to
 * be refilled, and a bucket that is full is the same as none.
 */
export class RateLimit {
  /** Milliseconds in which one token comes back. */
  readonly #interval: number;
  /** A bucket that is full only after so many milliseconds has less than one token. */
  readonly #tolerance: number;
  readonly #full: RecentMap<number, number>;
  readonly #now: () => number;

  constructor({ rate, burst, keys = 262_144 }: RateLimitOptions, now: () => number) {
    this.#interval = 1000 / rate;
    this.#tolerance = (burst - 1) * this.#interval + EPSILON;
    this.#full = new RecentMap(keys);
    this.#now = now;
  }

  /** Takes a token. 0: it was there; else milliseconds until the next will be. */
  take(key: string): number {
    const hash = hashOf(key);
    const now = this.#now();
    const full = Math.max(this.#full.get(hash) ?? now, now);
    const wait = full - now - this.#tolerance;
    if (wait > 0) return wait;
    this.#full.set(hash, full + this.#interval);
    return 0;
  }
}
