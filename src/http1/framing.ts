import type { ErrorCode } from '../errors.js';
import { BODY_CHUNKED, BODY_CLOSE, BODY_LENGTH, BODY_NONE, BODY_TUNNEL } from '../exchange.js';
import { F_CONNECTION, F_CONTENT_LENGTH, F_KEEP_ALIVE, F_TRANSFER_ENCODING, F_UPGRADE } from './fields.js';

/**
 * The one place that decides how long a body is and what becomes of the connection (RFC 9112 §6.3, §9.3; RFC 9110 §7.6.1, §7.8), for
 * requests and responses alike. Anything ambiguous is an error. The result stays valid until the next call.
 */
export class Framing {
  /** See `exchange.ts`: BODY_… */
  body = BODY_NONE;
  length = 0;
  /** The connection stays open after this message, as far as its sender is concerned. */
  keepAlive = true;
  /** Connection names `upgrade`, and Upgrade names `websocket`. */
  websocket = false;
  /** Lower-case names in Connection that are not to be passed on; null: none. */
  listed: string[] | null = null;
  /** ms of the message's `Keep-Alive: timeout=…`; Infinity: none. */
  keepAliveTimeout = Infinity;
  error: ErrorCode | '' = '';
}

// Fields that a Connection option can never remove: they frame or route the message, or carry what the app relies on for safety.
const PROTECTED = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'cookie',
  'set-cookie',
  'authorization',
  'forwarded',
  'via',
  'date',
  'content-type',
  'content-encoding',
  'cache-control',
]);

const NO_CODING = 0;
const CHUNKED_LAST = 1;
const OTHER_LAST = 2;
const CODING_UNKNOWN = 3;
const CODING_INVALID = 4;

/** Splits a list (RFC 9110 §5.6.1) at commas: only SP and HTAB are white space, empty elements are left out. */
export function listElements(value: string): string[] {
  const out: string[] = [];
  for (const part of value.split(',')) {
    let s = 0;
    let e = part.length;
    while (s < e && isSpace(part.charCodeAt(s))) s++;
    while (e > s && isSpace(part.charCodeAt(e - 1))) e--;
    if (e > s) out.push(part.slice(s, e));
  }
  return out;
}

function isSpace(c: number): boolean {
  return c === 32 || c === 9;
}

/** Strictly 1*DIGIT, at most 15 of them (exact in a double); -1 otherwise. */
export function parseLength(value: string): number {
  if (value.length === 0 || value.length > 15) return -1;
  let n = 0;
  for (let i = 0; i < value.length; i++) {
    const c = value.charCodeAt(i);
    if (c < 48 || c > 57) return -1;
    n = n * 10 + c - 48;
  }
  return n;
}

function transferCodings(pairs: readonly string[], kinds: readonly number[]): number {
  let result = NO_CODING;
  let unknown = false;
  for (let i = 0; i < kinds.length; i++) {
    if (kinds[i] !== F_TRANSFER_ENCODING) continue;
    // A line that names none is refused, by Node 22's parser, too: others might take it for the last word.
    if (pairs[2 * i + 1] === '') return CODING_INVALID;
    for (const element of listElements(pairs[2 * i + 1]!)) {
      const coding = element.toLowerCase();
      // chunked is applied once and last, without parameters (RFC 9112 §6.1, §7.1)
      if (result === CHUNKED_LAST) return CODING_INVALID;
      if (coding === 'chunked') result = CHUNKED_LAST;
      else if (coding.startsWith('chunked;') || coding.startsWith('chunked ')) return CODING_INVALID;
      else {
        result = OTHER_LAST;
        unknown = true;
      }
    }
  }
  if (result === CHUNKED_LAST && unknown) return CODING_UNKNOWN;
  return result === NO_CODING ? CODING_INVALID : result;
}

function readConnection(out: Framing, value: string): boolean {
  if (value === 'keep-alive' || value === 'Keep-Alive') return false;
  let upgrade = false;
  for (const element of listElements(value)) {
    const option = element.toLowerCase();
    if (option === 'close') out.keepAlive = false;
    else if (option === 'upgrade') upgrade = true;
    else if (option !== 'keep-alive' && !PROTECTED.has(option) && !option.startsWith('x-forwarded-')) {
      (out.listed ??= []).push(option);
    }
  }
  return upgrade;
}

/** What both directions share; returns whether a Transfer-Encoding is there. */
function readFields(out: Framing, pairs: readonly string[], kinds: readonly number[], minor: number): boolean {
  out.body = BODY_NONE;
  out.length = 0;
  out.websocket = false;
  out.listed = null;
  out.error = '';
  out.keepAlive = minor === 1;
  out.keepAliveTimeout = Infinity;
  let coded = false;
  let upgrade = false;
  let websocket = false;
  let keepAlive10 = false;
  for (let i = 0; i < kinds.length; i++) {
    switch (kinds[i]) {
      case F_CONTENT_LENGTH: {
        // A second line, a list, even of equal values: refused (RFC 9112 §6.3 allows it, and it is the safe choice).
        const length = out.body === BODY_LENGTH ? -1 : parseLength(pairs[2 * i + 1]!);
        if (length < 0) out.error = 'MS_BAD_LENGTH';
        out.body = BODY_LENGTH;
        out.length = length;
        break;
      }
      case F_TRANSFER_ENCODING:
        coded = true;
        break;
      case F_CONNECTION:
        if (readConnection(out, pairs[2 * i + 1]!)) upgrade = true;
        if (minor === 0) keepAlive10 ||= listElements(pairs[2 * i + 1]!).some((o) => o.toLowerCase() === 'keep-alive');
        break;
      case F_KEEP_ALIVE: {
        const seconds = /(?:^|[ ,])timeout=(\d{1,6})/i.exec(pairs[2 * i + 1]!);
        if (seconds !== null) out.keepAliveTimeout = Number(seconds[1]) * 1000;
        break;
      }
      case F_UPGRADE:
        websocket ||= listElements(pairs[2 * i + 1]!).some((p) => p.toLowerCase() === 'websocket');
        break;
    }
  }
  if (minor === 0) {
    // An HTTP/1.0 message stays open only when it says so, and `close` wins over that.
    const closed = kinds.some(
      (k, i) => k === F_CONNECTION && listElements(pairs[2 * i + 1]!).some((o) => o.toLowerCase() === 'close'),
    );
    out.keepAlive = keepAlive10 && !closed;
  }
  out.websocket = upgrade && websocket && minor === 1;
  return coded;
}

/** RFC 9112 §6.3 for a request. */
export function frameRequest(out: Framing, pairs: readonly string[], kinds: readonly number[], minor: number): void {
  const coded = readFields(out, pairs, kinds, minor);
  if (!coded || out.error !== '') return;
  // Both fields at once, or a coding in HTTP/1.0, is how requests are smuggled (§6.1): refused.
  if (out.body === BODY_LENGTH || minor === 0) {
    out.error = 'MS_BAD_LENGTH';
    return;
  }
  const codings = transferCodings(pairs, kinds);
  if (codings === CHUNKED_LAST) out.body = BODY_CHUNKED;
  else out.error = codings === CODING_UNKNOWN ? 'MS_UNKNOWN_TRANSFER_CODING' : 'MS_BAD_LENGTH';
}

/** RFC 9112 §6.3 for a response to `method`; `upgrade`: the request asked for a WebSocket. */
export function frameResponse(
  out: Framing,
  pairs: readonly string[],
  kinds: readonly number[],
  minor: number,
  status: number,
  method: string,
  upgrade: boolean,
): void {
  const coded = readFields(out, pairs, kinds, minor);
  // Outside of all classes (RFC 9110 §15): nobody knows how it would be framed.
  if (status < 100 || status > 599) {
    out.error = 'MS_BAD_RESPONSE';
    return;
  }
  if (status < 200) {
    // An interim response ends at its empty line, whatever its fields say.
    out.error = '';
    out.body = BODY_NONE;
    out.length = -1;
    if (status === 101) {
      if (upgrade && out.websocket) out.body = BODY_TUNNEL;
      else out.error = 'MS_BAD_RESPONSE';
    }
    return;
  }
  if (out.error !== '' || (coded && (out.body === BODY_LENGTH || minor === 0))) {
    out.error = 'MS_BAD_RESPONSE';
    return;
  }
  const length = out.body === BODY_LENGTH ? out.length : -1;
  if (method === 'HEAD' || status === 204 || status === 304) {
    out.body = BODY_NONE;
    out.length = status === 204 ? -1 : length;
    return;
  }
  if (coded) {
    // Other codings would have to be named onward and end with the connection: no endpoint does that.
    if (transferCodings(pairs, kinds) === CHUNKED_LAST) out.body = BODY_CHUNKED;
    else out.error = 'MS_BAD_RESPONSE';
    out.length = -1;
    return;
  }
  if (out.body === BODY_LENGTH) return;
  out.body = BODY_CLOSE;
  out.length = -1;
  out.keepAlive = false;
}
