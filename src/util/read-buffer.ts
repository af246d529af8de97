const SIZE = 64 * 1024;
/** A power of two; views are found by their end and, a little, their start. */
const SLOTS = 256;

/** Shared by many connections: what a read brings is taken or copied before the next. */
class ReadBuffer {
  readonly octets = Buffer.allocUnsafeSlow(SIZE);
  readonly #views: Buffer[] = Array.from({ length: SLOTS }, () => this.octets.subarray(0, 0));
  readonly #starts = new Int32Array(SLOTS);
  readonly #ends = new Int32Array(SLOTS);

  /**
   * `buf[start, end)`. Of this buffer, the same object is handed out for the same piece: it is nobody's to keep or to compare by identity.
   * Making one costs as much as parsing a short head, and the same pieces come again and again: full reads, and answers of one size.
   */
  view(buf: Buffer, start: number, end: number): Buffer {
    if (buf !== this.octets) return buf.subarray(start, end);
    const slot = (end ^ (start << 3)) & (SLOTS - 1);
    if (this.#ends[slot] !== end || this.#starts[slot] !== start) {
      this.#starts[slot] = start;
      this.#ends[slot] = end;
      this.#views[slot] = buf.subarray(start, end);
    }
    return this.#views[slot]!;
  }
}

export const readFromClients = new ReadBuffer();
export const readFromEndpoints = new ReadBuffer();
