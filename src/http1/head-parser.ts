import type { ErrorCode } from '../errors.js';
import type { Head, HeadMemo } from '../exchange.js';
import type { Limit } from '../util/limits.js';
import { kindMarks, markedKinds, markedPairs, marks } from './field-marks.js';
import { HASH_SEED, hashStep, kindOf } from './fields.js';
import { type RepeatedFields, RepeatedHeads } from './repeated-fields.js';
import { methodOf, reasonOf, textOf } from './start-line.js';
import { CR, FIELD_VALUE, HTAB, LF, SP, TARGET, TCHAR } from './syntax.js';

/** What a {@link HeadParser} reads: a request's head, a response's, or a trailer section. */
export const REQUEST = 0;
export const RESPONSE = 1;
export const TRAILERS = 2;

export interface HeadLimits {
  /** Octets of the whole head, its empty line included. */
  readonly maxHeadSize: number;
  readonly maxFields: number;
  /** Octets of the request target. */
  readonly maxTargetSize: number;
}

/** Results of {@link HeadParser.parse} that are no position. */
export const NEED_MORE = -1;
export const FAILED = -2;

// States: the octet that is expected next.
const START = 0; // the message's first octet
const START_LF = 1; // one empty line before a request-line is ignored (RFC 9112 §2.2)
const METHOD = 2;
const TARGET_PART = 3;
const VERSION = 4;
const LINE_LF = 5;
const STATUS_VERSION = 6;
const REASON = 7;
const FIELD_START = 8;
const NAME = 9;
const BEFORE_VALUE = 10;
const VALUE = 11;
const VALUE_LF = 12;
const END_LF = 13;

const COLON = 58;

/** Longer than any that is registered (RFC 9112 §3: 501 then). */
const MAX_METHOD = 32;
const MIN_ACCUMULATOR = 1024;

/**
 * Incremental and strict (RFC 9112 §2–5): the same result for any split of the octets, and whatever came before. Nothing is repaired:
 * the first octet that the grammar does not allow fails the message. Syntax only; what the fields mean for the framing and the
 * connection is `framing.ts`.
 */
export class HeadParser {
  /** Why it failed. */
  error: ErrorCode | '' = '';
  /** The limit that it exceeded, if that is why. */
  hit: Limit | '' = '';
  method = '';
  target = '';
  /** Minor version of HTTP/1.x. */
  minor = 1;
  status = 0;
  reason = '';
  pairs: readonly string[] = [];
  kinds: readonly number[] = [];
  /** An octet of the message has come, and not only the empty line that may stand before it. */
  begun = false;

  readonly #kind: number;
  readonly #limits: HeadLimits;
  #state: number;
  /** All positions are relative to the first octet of the head, which lies at the start of the accumulator when it is in use. */
  #mark = 0;
  #lineStart = 0;
  #methodEnd = 0;
  #targetEnd = 0;
  #major = 0;
  #count = 0;
  #hash = HASH_SEED;
  #class = 0;
  /** Octets of the head that came in earlier calls. */
  #kept: Buffer | null = null;
  #keptLength = 0;
  #savedMarks: Int32Array | null = null;
  #savedKinds: Uint8Array | null = null;
  #memo: HeadMemo | null = null;
  readonly #repeated: RepeatedHeads | null;
  #slot: RepeatedFields | null = null;

  /** `repeated`: of the endpoint; without it, the parser has its own, for one client connection. */
  constructor(kind: number, limits: HeadLimits, repeated?: RepeatedHeads) {
    this.#kind = kind;
    this.#limits = limits;
    this.#repeated = kind === TRAILERS ? null : (repeated ?? RepeatedHeads.ofConnection());
    this.#state = kind === TRAILERS ? FIELD_START : START;
  }

  /** Makes it ready for the next message. */
  reset(): void {
    this.begun = false;
    this.error = '';
    this.hit = '';
    this.#state = this.#kind === TRAILERS ? FIELD_START : START;
    this.#count = 0;
    this.#mark = 0;
    this.#hash = HASH_SEED;
    this.#class = 0;
    this.#kept = null;
    this.#keptLength = 0;
    this.#savedMarks = null;
    this.#savedKinds = null;
  }

  head(listed: string[] | null): Head {
    return { pairs: this.pairs, kinds: this.kinds, listed, memo: this.#memo };
  }

  /** Another text at this place of {@link pairs}. */
  replace(at: number, text: string): void {
    const pairs = [...this.pairs];
    pairs[at] = text;
    this.pairs = pairs;
    this.#memo = null;
  }

  /** Takes `buf[start, end)`. Returns the position after the head, {@link NEED_MORE} (all was taken) or {@link FAILED}. */
  parse(buf: Buffer, start: number, end: number): number {
    if (start === end) return NEED_MORE;
    if (this.#keptLength > 0) return this.#parseKept(buf, start, end);
    const position = this.#scan(buf, start, start, end);
    if (position === NEED_MORE) this.#keep(buf, start, end);
    return position;
  }

  #keep(buf: Buffer, start: number, end: number): void {
    const length = end - start;
    this.#kept = Buffer.allocUnsafe(Math.max(MIN_ACCUMULATOR, length * 2));
    buf.copy(this.#kept, 0, start, end);
    this.#keptLength = length;
    this.#save();
  }

  #save(): void {
    // One more than are complete: of the field in progress the name may have been read.
    this.#savedMarks = marks.slice(0, 4 * (this.#count + 1));
    this.#savedKinds = kindMarks.slice(0, this.#count + 1);
  }

  #parseKept(buf: Buffer, start: number, end: number): number {
    const before = this.#keptLength;
    // Never more than the limit and one octet: what is beyond cannot belong to a head that is accepted.
    const taken = Math.min(end - start, this.#limits.maxHeadSize + 1 - before);
    if (before + taken > this.#kept!.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#kept!.length * 2, before + taken));
      this.#kept!.copy(larger, 0, 0, before);
      this.#kept = larger;
    }
    buf.copy(this.#kept!, before, start, start + taken);
    this.#keptLength += taken;
    marks.set(this.#savedMarks!);
    kindMarks.set(this.#savedKinds!);
    const position = this.#scan(this.#kept!, 0, before, this.#keptLength);
    if (position === NEED_MORE) this.#save();
    return position < 0 ? position : start + position - before;
  }

  #fail(code: ErrorCode, hit: Limit | '' = ''): number {
    this.hit = hit;
    this.error = this.#kind === RESPONSE ? 'MS_BAD_RESPONSE' : code;
    return FAILED;
  }

  /** `base` is the first octet of the head, `p` the first one not yet looked at. */
  #scan(buf: Buffer, base: number, p: number, end: number): number {
    const { maxHeadSize, maxFields, maxTargetSize } = this.#limits;
    const cut = end - base > maxHeadSize;
    if (cut) end = base + maxHeadSize;
    // In variables while it runs: fields would be read and written for every octet.
    let state = this.#state;
    let mark = this.#mark;
    let count = this.#count;
    while (p < end) {
      switch (state) {
        case START: {
          mark = p - base;
          if (this.#kind === RESPONSE) state = STATUS_VERSION;
          else if (buf[p] === CR) {
            p++;
            state = START_LF;
          } else state = METHOD;
          break;
        }
        case START_LF:
          if (buf[p] !== LF) return this.#fail('MS_BAD_REQUEST_LINE');
          p++;
          // Only one: a second empty line is not a request.
          mark = p - base;
          state = METHOD;
          break;
        case METHOD: {
          while (p < end && TCHAR[buf[p]!] !== 0) p++;
          const length = p - base - mark;
          if (length > MAX_METHOD) return this.#fail('MS_METHOD_TOO_LONG');
          if (p === end) break;
          if (buf[p] !== SP || length === 0) return this.#fail('MS_BAD_REQUEST_LINE');
          this.#lineStart = mark;
          this.#methodEnd = p - base;
          p++;
          mark = p - base;
          state = TARGET_PART;
          break;
        }
        case TARGET_PART: {
          const chars = TARGET;
          while (p < end && chars[buf[p]!] !== 0) p++;
          const length = p - base - mark;
          if (length > maxTargetSize) return this.#fail('MS_TARGET_TOO_LONG', 'maxTargetSize');
          if (p === end) break;
          if (buf[p] !== SP || length === 0) {
            return this.#fail(length === 0 || buf[p] === CR || buf[p] === LF ? 'MS_BAD_REQUEST_LINE' : 'MS_BAD_TARGET');
          }
          this.#targetEnd = p - base;
          p++;
          mark = p - base;
          state = VERSION;
          break;
        }
        case VERSION:
          // HTTP-version is case-sensitive: "HTTP/" DIGIT "." DIGIT (RFC 9112 §2.3).
          for (let at = p - base - mark; p < end && state === VERSION; at++, p++) {
            const c = buf[p]!;
            if (at < 5) {
              if (c !== HTTP.charCodeAt(at)) return this.#fail('MS_BAD_REQUEST_LINE');
            } else if (at === 5 || at === 7) {
              if (c < 48 || c > 57) return this.#fail('MS_BAD_REQUEST_LINE');
              if (at === 5) this.#major = c - 48;
              else {
                if (this.#major !== 1) return this.#fail('MS_VERSION_NOT_SUPPORTED');
                this.minor = c === 48 ? 0 : 1;
              }
            } else if (at === 6) {
              if (c !== 46) return this.#fail('MS_BAD_REQUEST_LINE');
            } else {
              if (c !== CR) return this.#fail('MS_BAD_REQUEST_LINE');
              state = LINE_LF;
            }
          }
          break;
        case STATUS_VERSION:
          // HTTP/1.x SP 3DIGIT [ SP reason ]
          for (let at = p - base - mark; p < end && state === STATUS_VERSION; at++, p++) {
            const c = buf[p]!;
            if (at < 7) {
              if (c !== HTTP.charCodeAt(at)) return this.#fail('MS_BAD_RESPONSE');
            } else if (at === 7) {
              if (c < 48 || c > 57) return this.#fail('MS_BAD_RESPONSE');
              this.minor = c === 48 ? 0 : 1;
              this.status = 0;
            } else if (at === 8) {
              if (c !== SP) return this.#fail('MS_BAD_RESPONSE');
            } else if (at < 12) {
              if (c < 48 || c > 57) return this.#fail('MS_BAD_RESPONSE');
              this.status = this.status * 10 + c - 48;
            } else if (c === SP) {
              mark = p + 1 - base;
              state = REASON;
            } else if (c === CR) {
              // The SP before an absent reason is left out by some servers; nothing is ambiguous then.
              this.reason = '';
              state = LINE_LF;
            } else return this.#fail('MS_BAD_RESPONSE');
          }
          break;
        case REASON:
          while (p < end && FIELD_VALUE[buf[p]!] !== 0) p++;
          if (p === end) break;
          if (buf[p] !== CR) return this.#fail('MS_BAD_RESPONSE');
          this.reason = reasonOf(this.status, buf, base + mark, p);
          p++;
          state = LINE_LF;
          break;
        case LINE_LF:
          if (buf[p] !== LF) return this.#fail('MS_BAD_REQUEST_LINE');
          p++;
          state = FIELD_START;
          break;
        case FIELD_START:
          if (count === 0) {
            const position = this.#repeat(buf, base, p, end);
            if (position >= 0) return position;
          }
          if (buf[p] === CR) {
            p++;
            state = END_LF;
            break;
          }
          if (count >= maxFields) return this.#fail('MS_HEAD_TOO_LARGE', 'maxFields');
          mark = p - base;
          this.#hash = HASH_SEED;
          this.#class = 0;
          state = NAME;
          break;
        case NAME: {
          let h = this.#hash;
          let classes = this.#class;
          let k: number;
          while (p < end && (k = TCHAR[buf[p]!]!) !== 0) {
            h = hashStep(h, buf[p]!);
            classes |= k;
            p++;
          }
          if (p === end) {
            this.#hash = h;
            this.#class = classes;
            break;
          }
          // Neither an empty name, nor white space before the colon (RFC 9112 §5.1), nor a folded line (§5.2).
          if (buf[p] !== COLON || p - base === mark) return this.#fail('MS_BAD_FIELD');
          marks[4 * count] = mark;
          marks[4 * count + 1] = p - base;
          kindMarks[count] = kindOf(buf, base + mark, p, h, (classes & 2) !== 0);
          p++;
          state = BEFORE_VALUE;
          break;
        }
        case BEFORE_VALUE:
          while (p < end && (buf[p] === SP || buf[p] === HTAB)) p++;
          if (p === end) break;
          mark = p - base;
          state = VALUE;
          break;
        case VALUE: {
          while (p < end && FIELD_VALUE[buf[p]!] !== 0) p++;
          if (p === end) break;
          if (buf[p] !== CR) return this.#fail('MS_BAD_FIELD');
          let valueEnd = p;
          const valueStart = base + mark;
          while (valueEnd > valueStart && (buf[valueEnd - 1] === SP || buf[valueEnd - 1] === HTAB)) valueEnd--;
          marks[4 * count + 2] = mark;
          marks[4 * count + 3] = valueEnd - base;
          count++;
          p++;
          state = VALUE_LF;
          break;
        }
        case VALUE_LF:
          if (buf[p] !== LF) return this.#fail('MS_BAD_FIELD');
          p++;
          state = FIELD_START;
          break;
        default: // END_LF
          if (buf[p] !== LF) return this.#fail('MS_BAD_FIELD');
          this.#cutOut(buf, base, p, count);
          if (count > 0) this.#slot?.remember(buf, base, base + marks[0]!, p + 1, this.pairs, this.kinds);
          return p + 1;
      }
    }
    this.#state = state;
    this.#mark = mark;
    this.#count = count;
    this.begun = state > METHOD || (state === METHOD && end - base > mark);
    if (!cut) return NEED_MORE;
    return this.#fail(state === TARGET_PART ? 'MS_TARGET_TOO_LONG' : 'MS_HEAD_TOO_LARGE', 'maxHeadSize');
  }

  /** One string for the whole head; target, names and values are slices of it. */
  #cutOut(buf: Buffer, base: number, end: number, count: number): void {
    const isRequest = this.#kind === REQUEST;
    const from = isRequest ? this.#lineStart : count > 0 ? marks[0]! : end - base;
    const text = buf.toString('latin1', base + from, end);
    if (isRequest) {
      this.method = methodOf(buf, base + from, base + this.#methodEnd);
      this.target = text.slice(this.#methodEnd + 1 - from, this.#targetEnd - from);
    }
    this.pairs = markedPairs(text, from, count);
    this.kinds = markedKinds(count);
    this.#memo = null;
  }

  /** Where the head ends if its fields, which begin at `p`, came before; else -1. */
  #repeat(buf: Buffer, base: number, p: number, end: number): number {
    if (this.#repeated === null) return -1;
    const slot = this.#repeated.slot(end - p);
    this.#slot = slot;
    // Limits may have changed since.
    const position = slot.kinds.length > this.#limits.maxFields ? -1 : slot.match(buf, p, end);
    if (position < 0) return -1;
    if (this.#kind === REQUEST) {
      this.method = methodOf(buf, base + this.#lineStart, base + this.#methodEnd);
      this.target = textOf(this.target, buf, base + this.#methodEnd + 1, base + this.#targetEnd);
    }
    this.pairs = slot.pairs;
    this.kinds = slot.kinds;
    this.#memo = slot.memo;
    return position;
  }
}

const HTTP = 'HTTP/1.';
