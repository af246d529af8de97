/** Random choices that a seed gives again (mulberry32). */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** From 0 up to, not including, `n`. */
  below(n: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let bits = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return Math.floor((((bits ^ (bits >>> 14)) >>> 0) / 4294967296) * n);
  }

  /** True once in `n` times. */
  once(n: number): boolean {
    return this.below(n) === 0;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** Up to `most` characters of `chars`. */
  text(chars: string, most: number): string {
    let text = '';
    for (let n = this.below(most + 1); n > 0; n--) text += chars[this.below(chars.length)]!;
    return text;
  }
}

/** Of this run: the same seed gives the same inputs. */
export const SEED = Number(process.env['MULTISERVER_SEED'] ?? 1);

/** How many inputs: few in every run, many in the long one. */
export const inputs = (few: number, many: number): number =>
  process.env['MULTISERVER_LONG'] === undefined ? few : many;

/** Calls `check` with the dice of each input; a failure names the input's seed. */
export async function each(count: number, check: (dice: Dice, seed: number) => void | Promise<void>): Promise<void> {
  for (let i = 0; i < count; i++) {
    const seed = (SEED + i * 0x9e3779b1) | 0;
    try {
      const pending = check(new Dice(seed), seed);
      if (pending !== undefined) await pending;
    } catch (error) {
      throw new Error(`input ${i} of seed ${SEED}: ${(error as Error).message}`, { cause: error });
    }
  }
}
