/** A client that closed its side counts as gone when its answer has not moved for so long. */
const GONE_MS = 400;

/**
 * A client that closed its side of the connection: it may wait for its answer, or have closed both (RFC 9112 §9.6), which TCP does not
 * tell. One whose answer does not move has most likely closed both.
 */
export class HalfClose {
  /** When it closed, or the answer moved last. */
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
    if (bytesSent !== this.#bytesSent) {
      this.#bytesSent = bytesSent;
      this.#since = now;
    }
    return now - this.#since > GONE_MS;
  }
}
