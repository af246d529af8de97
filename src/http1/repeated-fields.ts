import type { HeadMemo } from '../exchange.js';
import { LF } from './syntax.js';

/** Octets of a head; longer ones are not remembered, since a connection keeps what it remembers: three times that at most. */
const MAX_SIZE = 2048;
/** From here on Node's comparison is faster than a loop, octets. */
const LONG = 64;
/** After so many in a row that were different, only every sixteenth is remembered, since remembering costs a copy. */
const MAX_MISSES = 8;
const EVERY = 16;

const NOTHING = Buffer.alloc(0);

/** One head's fields and their octets. */
export class RepeatedFields {
  /** Shared by all heads that have these fields. */
  pairs: readonly string[] = [];
  kinds: readonly number[] = [];
  memo: HeadMemo | null = null;
  #octets = NOTHING;
  #size = 0;
  #misses: number;

  constructor(misses: number) {
    this.#misses = misses;
  }

  /** Whether `buf[p, end)` begins with the same fields and the empty line after them; the position after that, else -1. */
  match(buf: Buffer, p: number, end: number): number {
    const size = this.#size;
    if (size === 0 || size > end - p) return -1;
    // Where another line ends, it is not the same.
    if (buf[p + size - 1] !== LF || buf[p + size - 3] !== LF) return -1;
    const octets = this.#octets;
    if (size >= LONG) {
      if (octets.compare(buf, p, p + size, 0, size) !== 0) return -1;
    } else for (let i = 0; i < size; i++) if (octets[i] !== buf[p + i]) return -1;
    this.#misses = 0;
    this.memo ??= { request: null, response: null };
    return p + size;
  }

  /**
   * `buf[start, end)`: the fields with their empty line, which came to be `pairs` and `kinds`. The head begins at `base`: the pairs are
   * slices of its text, which is kept with them.
   */
  remember(
    buf: Buffer,
    base: number,
    start: number,
    end: number,
    pairs: readonly string[],
    kinds: readonly number[],
  ): void {
    const misses = ++this.#misses;
    const size = end - start;
    this.#size = 0;
    if (misses === 0 || (misses > MAX_MISSES && misses % EVERY !== 0) || end - base > MAX_SIZE) return;
    if (size > this.#octets.length) this.#octets = Buffer.allocUnsafeSlow(size);
    buf.copy(this.#octets, 0, start, end);
    this.#size = size;
    this.pairs = pairs;
    this.kinds = kinds;
    this.memo = null;
  }
}

/**
 * Fields of heads that came before, from one client connection or endpoint. Heads there often differ in their first line only (a browser
 * that fetches what a page needs, a client of an API, answers to a poll): comparing octets costs a fraction of parsing them, and what was
 * made of the fields can be used again. Only the same octets match.
 */
export class RepeatedHeads {
  readonly #slots: RepeatedFields[];

  private constructor(size: number, misses: number) {
    this.#slots = Array.from({ length: size }, () => new RepeatedFields(misses));
  }

  /** Remembers one request; not the first, as most connections carry no other. */
  static ofConnection(): RepeatedHeads {
    return new RepeatedHeads(1, -1);
  }

  static ofEndpoint(): RepeatedHeads {
    return new RepeatedHeads(16, 0);
  }

  /** By how many octets of the read are left from the first field on: the same message in one read finds the same slot. */
  slot(size: number): RepeatedFields {
    return this.#slots[size & (this.#slots.length - 1)]!;
  }
}
