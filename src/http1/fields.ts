import type { Head } from '../exchange.js';

/**
 * Known header fields as small integers, so that no station compares names again. Names are recognised by a perfect hash that the parser
 * computes while it checks them; a hit is always confirmed byte for byte, since a client chooses its names.
 */
export const F_UNKNOWN = 0;
export const F_HOST = 1;
export const F_CONTENT_LENGTH = 2;
export const F_TRANSFER_ENCODING = 3;
export const F_CONNECTION = 4;
export const F_KEEP_ALIVE = 5;
/** Proxy-Connection, Proxy-Authorization and every other `Proxy-…`. */
export const F_PROXY = 6;
export const F_TE = 7;
export const F_UPGRADE = 8;
export const F_TRAILER = 9;
export const F_EXPECT = 10;
export const F_VIA = 11;
export const F_FORWARDED = 12;
export const F_X_FORWARDED_FOR = 13;
export const F_X_FORWARDED_PROTO = 14;
export const F_X_FORWARDED_HOST = 15;
export const F_X_FORWARDED_PORT = 16;
/** Every other `X-Forwarded-…`. */
export const F_X_FORWARDED_OTHER = 17;
export const F_X_REAL_IP = 18;
export const F_X_REQUEST_ID = 19;
export const F_MAX_FORWARDS = 20;
export const F_COOKIE = 21;
export const F_AUTHORIZATION = 22;
export const F_DATE = 23;
export const F_SET_COOKIE = 24;
export const F_CONTENT_TYPE = 25;
export const F_HTTP2_SETTINGS = 26;
export const F_SEC_WEBSOCKET_KEY = 27;
export const F_SEC_WEBSOCKET_VERSION = 28;
/** The private field that tells an own worker the client's address; never taken from a client. */
export const F_MULTISERVER_CLIENT = 29;
export const F_RETRY_AFTER = 30;
export const F_ACCEPT = 31;
export const F_IDEMPOTENCY_KEY = 32;
export const F_CONTENT_ENCODING = 33;
export const F_SERVER = 34;
export const F_USER_AGENT = 35;
export const F_ACCEPT_ENCODING = 36;
/** Name with an octet that CGI-like servers fold into `_` (anything but letters, digits and `-`): X_Forwarded_For and its like. */
export const F_FOLDABLE = 63;

const NAMES: readonly (readonly [string, number])[] = [
  ['host', F_HOST],
  ['content-length', F_CONTENT_LENGTH],
  ['transfer-encoding', F_TRANSFER_ENCODING],
  ['connection', F_CONNECTION],
  ['keep-alive', F_KEEP_ALIVE],
  ['te', F_TE],
  ['upgrade', F_UPGRADE],
  ['trailer', F_TRAILER],
  ['expect', F_EXPECT],
  ['via', F_VIA],
  ['forwarded', F_FORWARDED],
  ['x-forwarded-for', F_X_FORWARDED_FOR],
  ['x-forwarded-proto', F_X_FORWARDED_PROTO],
  ['x-forwarded-host', F_X_FORWARDED_HOST],
  ['x-forwarded-port', F_X_FORWARDED_PORT],
  ['x-real-ip', F_X_REAL_IP],
  ['x-request-id', F_X_REQUEST_ID],
  ['max-forwards', F_MAX_FORWARDS],
  ['cookie', F_COOKIE],
  ['authorization', F_AUTHORIZATION],
  ['date', F_DATE],
  ['set-cookie', F_SET_COOKIE],
  ['content-type', F_CONTENT_TYPE],
  ['http2-settings', F_HTTP2_SETTINGS],
  ['sec-websocket-key', F_SEC_WEBSOCKET_KEY],
  ['sec-websocket-version', F_SEC_WEBSOCKET_VERSION],
  ['x-multiserver-client', F_MULTISERVER_CLIENT],
  ['retry-after', F_RETRY_AFTER],
  ['accept', F_ACCEPT],
  ['idempotency-key', F_IDEMPOTENCY_KEY],
  ['content-encoding', F_CONTENT_ENCODING],
  ['server', F_SERVER],
  ['user-agent', F_USER_AGENT],
  ['accept-encoding', F_ACCEPT_ENCODING],
];

export const HASH_SEED = 17;
const TABLE_SIZE = 1024;

/** One step of the hash: `h` so far, `c` the next octet of the name; letters count in any case. */
export function hashStep(h: number, c: number): number {
  return (Math.imul(h, 33) + (c | 0x20)) | 0;
}

function slotOf(h: number): number {
  return (h ^ (h >>> 10) ^ (h >>> 20)) & (TABLE_SIZE - 1);
}

const SLOT_NAMES: string[] = Array.from({ length: TABLE_SIZE }, () => '');
const SLOT_KINDS = new Uint8Array(TABLE_SIZE);
for (const [name, kind] of NAMES) {
  let h = HASH_SEED;
  for (let i = 0; i < name.length; i++) h = hashStep(h, name.charCodeAt(i));
  const slot = slotOf(h);
  if (SLOT_KINDS[slot] !== 0) throw new Error(`field names collide: ${name} and ${SLOT_NAMES[slot]}`);
  SLOT_NAMES[slot] = name;
  SLOT_KINDS[slot] = kind;
}

/** Kind of the name in `buf[start, end)`, all of whose octets are tchars; `h` is its hash, `foldable` whether one is not of [A-Za-z0-9-]. */
export function kindOf(buf: Uint8Array, start: number, end: number, h: number, foldable: boolean): number {
  if (foldable) return F_FOLDABLE;
  const slot = slotOf(h);
  const name = SLOT_NAMES[slot]!;
  const length = end - start;
  if (name.length === length) {
    let i = 0;
    while (i < length && (buf[start + i]! | 0x20) === name.charCodeAt(i)) i++;
    if (i === length) return SLOT_KINDS[slot]!;
  }
  const first = buf[start]! | 0x20;
  if (first === 0x70 && startsWith(buf, start, length, 'proxy-')) return F_PROXY;
  if (first === 0x78 && startsWith(buf, start, length, 'x-forwarded-')) return F_X_FORWARDED_OTHER;
  return F_UNKNOWN;
}

function startsWith(buf: Uint8Array, start: number, length: number, prefix: string): boolean {
  if (length < prefix.length) return false;
  for (let i = 0; i < prefix.length; i++) if ((buf[start + i]! | 0x20) !== prefix.charCodeAt(i)) return false;
  return true;
}

const scratch = Buffer.alloc(256);

/** The same for a name given as a string (own routes, tests); not for the hot path. */
export function kindOfName(name: string): number {
  if (name.length > scratch.length) return F_UNKNOWN;
  let h = HASH_SEED;
  let foldable = false;
  for (let i = 0; i < name.length; i++) {
    const c = name.charCodeAt(i);
    scratch[i] = c;
    h = hashStep(h, c);
    foldable ||= !/[A-Za-z0-9-]/.test(name[i]!);
  }
  return kindOf(scratch, 0, name.length, h, foldable);
}

/** A {@link Head} from pairs made by hand. */
export function headOf(pairs: string[]): Head {
  const kinds: number[] = [];
  for (let i = 0; i < pairs.length; i += 2) kinds.push(kindOfName(pairs[i]!));
  return { pairs, kinds, listed: null, memo: null };
}

/** `head` with one more, whose name is of this kind. */
export function withField(head: Head, name: string, kind: number, value: string): Head {
  return { pairs: [...head.pairs, name, value], kinds: [...head.kinds, kind], listed: head.listed, memo: null };
}

/** `head` with these fields in place of its own of the same names. Not for the hot path. */
export function withFields(head: Head, fields: readonly string[]): Head {
  const names = fields.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
  const pairs: string[] = [];
  for (let i = 0; i < head.pairs.length; i += 2) {
    if (!names.includes(head.pairs[i]!.toLowerCase())) pairs.push(head.pairs[i]!, head.pairs[i + 1]!);
  }
  // Whoever lists them in Connection did not send these.
  const listed = head.listed?.filter((name) => !names.includes(name)) ?? null;
  return { ...headOf([...pairs, ...fields]), listed };
}
