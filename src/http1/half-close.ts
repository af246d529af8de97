/** A client that closed its side while its answer is not moving gets this long before it counts as gone. */
const GONE_MS = 400;

/**
 * A client that closed its side of the connection: it may wait for its answer, or have closed both (RFC 9112 §9.6), which TCP does not
 * tell. One whose answer does not move has most likely closed both.
 */
export class HalfClose {
  #since = Infinity;
  #bytesSent = 0;

  begin(now: number): void {
    this.#since = now;
  }

  get begun(): boolean {
    return this.#since !== Infinity;
  }

  /** To be asked again and again while the answer goes out. */
  looksGone(now: number, bytesSent: number): boolean {
    if (now - this.#since <= GONE_MS) return false;
    const still = bytesSent === this.#bytesSent;
    this.#bytesSent = bytesSent;
    return still;
  }
}
