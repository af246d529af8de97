const FIRST = 0;
const LENGTH = 1;
/** Extended length, most significant octet first. */
const MORE_LENGTH = 2;
const MASK = 3;
const PAYLOAD = 4;

const CLOSE = 0x8;

/** Knows where the frames of a WebSocket end, from their headers alone (RFC 6455 §5.2): where another one may be put in between. */
export class FrameFollower {
  /** A Close frame has gone by: nothing may follow it. */
  closed = false;
  #state = FIRST;
  #opcode = 0;
  #masked = false;
  /** Octets of the part in progress still to come. */
  #left = 0;
  #length = 0;

  /** No frame is in progress. */
  get between(): boolean {
    return this.#state === FIRST;
  }

  /** Follows the octets from `p`; with `toNext` only to the end of the frame in progress. Gives the position it came to. */
  follow(buf: Buffer, p: number, end: number, toNext = false): number {
    while (p < end) {
      if (this.#state === PAYLOAD) {
        const to = Math.min(end, p + this.#left);
        this.#left -= to - p;
        p = to;
        if (this.#left === 0) this.#ended();
      } else this.#header(buf[p++]!);
      if (toNext && this.#state === FIRST) return p;
    }
    return p;
  }

  #header(octet: number): void {
    if (this.#state === FIRST) {
      this.#opcode = octet & 0x0f;
      this.#state = LENGTH;
      return;
    }
    if (this.#state === LENGTH) {
      this.#masked = octet >= 0x80;
      this.#length = octet & 0x7f;
      if (this.#length < 126) return this.#afterLength();
      this.#left = this.#length === 126 ? 2 : 8;
      this.#length = 0;
      this.#state = MORE_LENGTH;
      return;
    }
    if (this.#state === MORE_LENGTH) this.#length = this.#length * 256 + octet;
    this.#left--;
    if (this.#left > 0) return;
    if (this.#state === MORE_LENGTH) this.#afterLength();
    else this.#begin();
  }

  #afterLength(): void {
    if (!this.#masked) return this.#begin();
    this.#left = 4;
    this.#state = MASK;
  }

  #begin(): void {
    this.#left = this.#length;
    this.#state = PAYLOAD;
    if (this.#left === 0) this.#ended();
  }

  #ended(): void {
    this.#state = FIRST;
    if (this.#opcode === CLOSE) this.closed = true;
  }
}
