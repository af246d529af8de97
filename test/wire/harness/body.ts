import { Malformed, readFields, type Framing } from './message.js';

/** Reads one body as it arrives; keeps what it holds, up to a bound, and counts the rest. */
export class Body {
  readonly framing: Framing;
  done: boolean;
  /** Bytes of content so far. */
  size = 0;
  /** Sizes of the chunks, when chunked. */
  readonly chunks: number[] = [];
  readonly trailers: [string, string][] = [];
  readonly #kept: Buffer[] = [];
  #keptSize = 0;
  #left = 0;
  #state: 'size' | 'data' | 'crlf' | 'trailers' = 'size';

  constructor(framing: Framing) {
    this.framing = framing;
    this.done = framing === 'none' || framing === 0;
    if (typeof framing === 'number') this.#left = framing;
  }

  get text(): string {
    return this.bytes.toString('latin1');
  }

  get bytes(): Buffer {
    if (this.#keptSize < this.size) throw new Error(`only ${this.#keptSize} of ${this.size} bytes were kept`);
    return Buffer.concat(this.#kept);
  }

  /** Takes what belongs to this body from the front of `bytes`; returns how many bytes that were. */
  feed(bytes: Buffer): number {
    let at = 0;
    while (!this.done && at < bytes.length) {
      const used = this.framing === 'chunked' ? this.#chunked(bytes.subarray(at)) : this.#plain(bytes.subarray(at));
      if (used === 0) break;
      at += used;
    }
    return at;
  }

  #plain(bytes: Buffer): number {
    const piece = this.framing === 'close' ? bytes : bytes.subarray(0, this.#left);
    this.#keep(piece);
    this.#left -= piece.length;
    this.done = this.framing !== 'close' && this.#left === 0;
    return piece.length;
  }

  #chunked(bytes: Buffer): number {
    if (this.#state === 'data') {
      const piece = bytes.subarray(0, this.#left);
      this.#keep(piece);
      this.#left -= piece.length;
      if (this.#left === 0) this.#state = 'crlf';
      return piece.length;
    }
    const end = bytes.indexOf('\r\n');
    if (end < 0) return 0;
    this.#line(bytes.toString('latin1', 0, end));
    return end + 2;
  }

  #line(line: string): void {
    if (this.#state === 'crlf') {
      if (line !== '') throw new Malformed(`${JSON.stringify(line.slice(0, 20))} after a chunk`);
      this.#state = 'size';
    } else if (this.#state === 'size') {
      if (!/^[0-9A-Fa-f]{1,13}$/.test(line)) throw new Malformed(`chunk size ${JSON.stringify(line.slice(0, 40))}`);
      this.#left = Number.parseInt(line, 16);
      this.#state = this.#left === 0 ? 'trailers' : 'data';
      if (this.#left > 0) this.chunks.push(this.#left);
    } else if (line === '') {
      this.done = true;
    } else {
      this.trailers.push(...readFields([line]));
    }
  }

  #keep(piece: Buffer): void {
    this.size += piece.length;
    if (this.#keptSize + piece.length > KEPT) return;
    this.#kept.push(Buffer.from(piece));
    this.#keptSize += piece.length;
  }
}

const KEPT = 4 * 1024 * 1024;
