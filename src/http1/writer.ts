import { STATUS_CODES } from 'node:http';
import { BODY_CHUNKED, BODY_LENGTH, BODY_TUNNEL, type Head } from '../exchange.js';
import { now } from '../util/clock.js';
import { flat } from '../util/flat.js';
import {
  F_AUTHORIZATION,
  F_CONNECTION,
  F_CONTENT_ENCODING,
  F_CONTENT_LENGTH,
  F_CONTENT_TYPE,
  F_COOKIE,
  F_DATE,
  F_EXPECT,
  F_FORWARDED,
  F_HOST,
  F_HTTP2_SETTINGS,
  F_KEEP_ALIVE,
  F_MAX_FORWARDS,
  F_MULTISERVER_CLIENT,
  F_PROXY,
  F_SET_COOKIE,
  F_RETRY_AFTER,
  F_TE,
  F_TRAILER,
  F_TRANSFER_ENCODING,
  F_UPGRADE,
  F_VIA,
  F_X_FORWARDED_FOR,
  F_X_FORWARDED_HOST,
  F_X_FORWARDED_OTHER,
  F_X_FORWARDED_PORT,
  F_X_FORWARDED_PROTO,
  F_X_REAL_IP,
  F_X_REQUEST_ID,
} from './fields.js';

/** Fields that belong to one connection or to the framing, which is written anew (RFC 9110 §7.6.1); index: field kind. */
export const HOP_BY_HOP = new Uint8Array(64);
for (const kind of [
  F_CONNECTION,
  F_KEEP_ALIVE,
  F_PROXY,
  F_TE,
  F_UPGRADE,
  F_HTTP2_SETTINGS,
  F_CONTENT_LENGTH,
  F_TRANSFER_ENCODING,
]) {
  HOP_BY_HOP[kind] = 1;
}

/** What a trailer section never carries: framing, routing, credentials, control, what the content is (RFC 9110 §6.5.1). */
const NO_TRAILER = Uint8Array.from(HOP_BY_HOP);
for (const kind of [
  F_HOST,
  F_COOKIE,
  F_SET_COOKIE,
  F_AUTHORIZATION,
  F_EXPECT,
  F_MAX_FORWARDS,
  F_FORWARDED,
  F_X_FORWARDED_FOR,
  F_X_FORWARDED_PROTO,
  F_X_FORWARDED_HOST,
  F_X_FORWARDED_PORT,
  F_X_FORWARDED_OTHER,
  F_X_REAL_IP,
  F_X_REQUEST_ID,
  F_MULTISERVER_CLIENT,
  F_VIA,
  F_CONTENT_TYPE,
  F_CONTENT_ENCODING,
  F_TRAILER,
  F_DATE,
  F_RETRY_AFTER,
]) {
  NO_TRAILER[kind] = 1;
}
/** The same, of no kind: trailers are so rare that their names may be compared. */
const NOT_IN_TRAILERS = new Set([
  'age', 'cache-control', 'content-range', 'expires', 'if-match', 'if-modified-since', 'if-none-match', 'if-range',
  'if-unmodified-since', 'location', 'range', 'vary', 'www-authenticate',
]); // prettier-ignore

/** Whether Connection listed this name. */
export function isListed(listed: readonly string[], name: string): boolean {
  return listed.includes(name.toLowerCase());
}

// ---- Date (RFC 9110 §6.6.1), one string a second
let dateLine = '';
let dateUntil = -Infinity;

function date(): string {
  if (now() >= dateUntil) {
    const wall = Date.now();
    dateUntil = now() + 1000 - (wall % 1000);
    dateLine = `Date: ${new Date(wall).toUTCString()}\r\n`;
  }
  return dateLine;
}

const CONNECTION_NONE = '';
const CONNECTION_CLOSE = 'Connection: close\r\n';
const CONNECTION_KEEP = 'Connection: keep-alive\r\n';

/**
 * Head of a final response, written anew from its parts: our version, no hop-by-hop fields, own framing. `length` < 0: not known or not to
 * be told. `persistent`: the connection stays open, which an HTTP/1.0 client has to be told.
 */
export function writeResponseHead(
  status: number,
  reason: string,
  head: Head,
  body: number,
  length: number,
  minor: number,
  persistent: boolean,
): string {
  let text = status === 200 && reason === 'OK' ? 'HTTP/1.1 200 OK\r\n' : `HTTP/1.1 ${status} ${reason}\r\n`;
  const { memo } = head;
  const known = memo === null ? null : (memo.response ??= { lines: flat(passedLines(head)), dated: isDated(head) });
  text += known === null ? passedLines(head) : known.lines;
  if (status >= 200 && !(known === null ? isDated(head) : known.dated)) text += date();
  if (body === BODY_CHUNKED) text += 'Transfer-Encoding: chunked\r\n';
  else if (body === BODY_TUNNEL) return text + 'Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
  else if (length >= 0 && status !== 204) text += 'Content-Length: ' + length + '\r\n';
  return text + (persistent ? (minor === 1 ? CONNECTION_NONE : CONNECTION_KEEP) : CONNECTION_CLOSE) + '\r\n';
}

/** The fields that are passed on, as lines. */
function passedLines({ pairs, kinds, listed }: Head): string {
  let lines = '';
  for (let i = 0, k = 0; k < kinds.length; i += 2, k++) {
    if (HOP_BY_HOP[kinds[k]!] === 1) continue;
    if (listed !== null && isListed(listed, pairs[i]!)) continue;
    lines += pairs[i]! + ': ' + pairs[i + 1]! + '\r\n';
  }
  return lines;
}

function isDated({ kinds }: Head): boolean {
  return kinds.includes(F_DATE);
}

/** Head of a 1xx response other than 101. */
export function writeInterimHead(status: number, head: Head): string {
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${passedLines(head)}\r\n`;
}

/** The last chunk and the trailer section. */
export function writeLastChunk(trailers: Head | null): string {
  if (trailers === null || trailers.kinds.length === 0) return '0\r\n\r\n';
  const { pairs, kinds } = trailers;
  let text = '0\r\n';
  for (let i = 0, k = 0; k < kinds.length; i += 2, k++) {
    const name = pairs[i]!;
    if (NO_TRAILER[kinds[k]!] === 1 || NOT_IN_TRAILERS.has(name.toLowerCase())) continue;
    text += name + ': ' + pairs[i + 1]! + '\r\n';
  }
  return text + '\r\n';
}

export function chunkLine(size: number): string {
  return size.toString(16) + '\r\n';
}

/** The framing of a request's body as header lines. */
export function requestFraming(body: number, length: number): string {
  if (body === BODY_LENGTH) return `Content-Length: ${length}\r\n`;
  return body === BODY_CHUNKED ? 'Transfer-Encoding: chunked\r\n' : '';
}
