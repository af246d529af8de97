import type { ErrorCode } from '../errors.js';
import { BODY_CHUNKED, type Head } from '../exchange.js';
import type { Limit } from '../util/limits.js';
import { ChunkedDecoder } from './chunked.js';
import { FAILED, type HeadLimits, HeadParser, NEED_MORE, TRAILERS } from './head-parser.js';

const IN_DATA = 0;
const IN_CHUNKS = 1;
const IN_TRAILERS = 2;

/** Incremental decoder of one message's body after another, whatever frames it: a length, chunks with trailers, or the close. */
export class BodyDecoder {
  /** After {@link decode}: the data lies in `buf[dataStart, dataEnd)`. */
  dataStart = 0;
  dataEnd = 0;
  /** The body is whole. */
  done = false;
  error: ErrorCode | '' = '';
  /** The limit whose excess is the error, if it is one. */
  hit: Limit | '' = '';
  trailers: Head | null = null;
  readonly #limits: HeadLimits;
  #state = IN_DATA;
  #left = 0;
  #chunks: ChunkedDecoder | null = null;
  #section: HeadParser | null = null;

  constructor(limits: HeadLimits) {
    this.#limits = limits;
  }

  /** A body of `length` octets, Infinity for as long as the connection lives; chunks know their own length. */
  begin(framing: number, length: number): void {
    this.done = false;
    this.error = '';
    this.hit = '';
    this.trailers = null;
    this.#left = length;
    this.#state = IN_DATA;
    if (framing === BODY_CHUNKED) {
      (this.#chunks ??= new ChunkedDecoder()).reset();
      this.#state = IN_CHUNKS;
    }
  }

  /** Only the close of the connection tells the end. */
  get endless(): boolean {
    return this.#state === IN_DATA && this.#left === Infinity;
  }

  /** Takes octets of `buf[p, end)`, which it may change, and returns the position after them: not always all there is. */
  decode(buf: Buffer, p: number, end: number): number {
    this.dataStart = p;
    this.dataEnd = p;
    if (this.#state === IN_DATA) {
      const to = Math.min(end, p + this.#left);
      this.#left -= to - p;
      this.dataEnd = to;
      this.done = this.#left === 0;
      return to;
    }
    return this.#state === IN_CHUNKS ? this.#decodeChunks(buf, p, end) : this.#decodeTrailers(buf, p, end);
  }

  #decodeChunks(buf: Buffer, p: number, end: number): number {
    const chunks = this.#chunks!;
    const position = chunks.decode(buf, p, end);
    this.dataStart = chunks.dataStart;
    this.dataEnd = chunks.dataEnd;
    if (chunks.failed) this.error = 'MS_BAD_CHUNK';
    else if (chunks.done) {
      (this.#section ??= new HeadParser(TRAILERS, this.#limits)).reset();
      this.#state = IN_TRAILERS;
    }
    return position;
  }

  #decodeTrailers(buf: Buffer, p: number, end: number): number {
    const section = this.#section!;
    const position = section.parse(buf, p, end);
    if (position === NEED_MORE) return end;
    if (position === FAILED) {
      this.error = section.error as ErrorCode;
      this.hit = section.hit;
      return end;
    }
    this.done = true;
    if (section.pairs.length > 0) this.trailers = section.head(null);
    return position;
  }
}
