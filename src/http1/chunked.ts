import { CR, FIELD_VALUE, HEX, HTAB, LF, SP, TCHAR } from './syntax.js';

// States: the octet that is expected next.
const SIZE_FIRST = 0;
const SIZE = 1;
const EXT_BWS = 2; // white space before `;`
const EXT_NAME_BWS = 3; // after `;`
const EXT_NAME = 4;
const EXT_AFTER_NAME = 5; // white space before `=` or `;`
const EXT_VALUE_BWS = 6; // after `=`
const EXT_TOKEN = 7;
const EXT_QUOTED = 8;
const EXT_QUOTED_PAIR = 9;
const EXT_AFTER_VALUE = 10;
const SIZE_LF = 11;
const DATA = 12;
const DATA_CR = 13;
const DATA_LF = 14;
const DONE = 15;

const SEMICOLON = 59;
const EQUALS = 61;
const QUOTE = 34;
const BACKSLASH = 92;

/** Digits of a chunk size: 13 hex digits are exact in a double and more than anybody sends. */
const MAX_DIGITS = 13;
/** Octets of one chunk's line, and how far the lines of a body may exceed its data (after Go's net/http, CVE-2023-39326). */
const MAX_LINE = 4096;
const MAX_EXCESS = 16384;

/**
 * Incremental decoder of the chunked coding (RFC 9112 §7.1) up to the last chunk's line; the trailer section is the head parser's. Strict
 * in sizes and extensions; extensions are checked and dropped. The data of all chunks in a call is moved together in place, so that a
 * body of tiny chunks costs no more than one of large ones.
 */
export class ChunkedDecoder {
  /** After {@link decode}: the data lies in `buf[dataStart, dataEnd)`. */
  dataStart = 0;
  dataEnd = 0;
  /** The last chunk's line has been read; the trailer section follows. */
  done = false;
  failed = false;
  #state = SIZE_FIRST;
  #left = 0;
  #digits = 0;
  #line = 0;
  #excess = 0;

  reset(): void {
    this.done = false;
    this.failed = false;
    this.#state = SIZE_FIRST;
    this.#left = 0;
    this.#digits = 0;
    this.#line = 0;
    this.#excess = 0;
  }

  /** Takes `buf[p, end)`, which it may change; returns the position after what was taken. */
  decode(buf: Buffer, p: number, end: number): number {
    let state = this.#state;
    let to = -1;
    let start = p;
    while (p < end && state !== DONE) {
      if (state === DATA) {
        const n = Math.min(this.#left, end - p);
        if (to < 0) {
          start = p;
          to = p + n;
        } else {
          // For a few octets the call would cost more than they do.
          if (n > 32) buf.copyWithin(to, p, p + n);
          else for (let i = 0; i < n; i++) buf[to + i] = buf[p + i]!;
          to += n;
        }
        p += n;
        this.#left -= n;
        if (this.#left === 0) state = DATA_CR;
        continue;
      }
      const c = buf[p]!;
      p++;
      if (state === DATA_CR) {
        if (c !== CR) return this.#fail(start, to, p);
        state = DATA_LF;
        continue;
      }
      if (state === DATA_LF) {
        if (c !== LF) return this.#fail(start, to, p);
        state = SIZE_FIRST;
        this.#line = 0;
        this.#digits = 0;
        continue;
      }
      if (++this.#line > MAX_LINE) return this.#fail(start, to, p);
      switch (state) {
        case SIZE_FIRST:
        case SIZE: {
          const v = HEX[c]!;
          if (v !== 0) {
            // Leading zeros are legal and say nothing.
            if ((v > 1 || this.#left > 0) && ++this.#digits > MAX_DIGITS) return this.#fail(start, to, p);
            this.#left = this.#left * 16 + v - 1;
            state = SIZE;
          } else if (state === SIZE_FIRST) return this.#fail(start, to, p);
          else if (c === CR) state = SIZE_LF;
          else if (c === SEMICOLON) state = EXT_NAME_BWS;
          else if (c === SP || c === HTAB) state = EXT_BWS;
          else return this.#fail(start, to, p);
          break;
        }
        case SIZE_LF:
          if (c !== LF) return this.#fail(start, to, p);
          if (this.#left === 0) {
            state = DONE;
            this.done = true;
          } else {
            this.#excess = Math.max(0, this.#excess + this.#line + 2 - 16 - 2 * this.#left);
            if (this.#excess > MAX_EXCESS) return this.#fail(start, to, p);
            state = DATA;
          }
          break;
        default:
          state = extension(state, c);
          if (state < 0) return this.#fail(start, to, p);
      }
    }
    this.#state = state;
    this.dataStart = start;
    this.dataEnd = to < 0 ? start : to;
    return p;
  }

  #fail(start: number, to: number, p: number): number {
    this.failed = true;
    this.dataStart = start;
    this.dataEnd = to < 0 ? start : to;
    return p;
  }
}

/** chunk-ext = *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ); the next state, or -1. */
function extension(state: number, c: number): number {
  const space = c === SP || c === HTAB;
  switch (state) {
    case EXT_BWS:
      return space ? state : c === SEMICOLON ? EXT_NAME_BWS : -1;
    case EXT_NAME_BWS:
      return space ? state : TCHAR[c] !== 0 ? EXT_NAME : -1;
    case EXT_NAME:
      if (TCHAR[c] !== 0) return state;
      return space ? EXT_AFTER_NAME : after(c, true);
    case EXT_AFTER_NAME:
      return space ? state : c === CR ? -1 : after(c, true);
    case EXT_VALUE_BWS:
      return space ? state : c === QUOTE ? EXT_QUOTED : TCHAR[c] !== 0 ? EXT_TOKEN : -1;
    case EXT_TOKEN:
      if (TCHAR[c] !== 0) return state;
      return space ? EXT_BWS : after(c, false);
    case EXT_QUOTED:
      return c === QUOTE ? EXT_AFTER_VALUE : c === BACKSLASH ? EXT_QUOTED_PAIR : FIELD_VALUE[c] !== 0 ? state : -1;
    case EXT_QUOTED_PAIR:
      return FIELD_VALUE[c] !== 0 ? EXT_QUOTED : -1;
    default: // EXT_AFTER_VALUE
      return space ? EXT_BWS : after(c, false);
  }
}

function after(c: number, name: boolean): number {
  return c === CR ? SIZE_LF : c === SEMICOLON ? EXT_NAME_BWS : name && c === EQUALS ? EXT_VALUE_BWS : -1;
}
