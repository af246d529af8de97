import { isIPv4, isIPv6, type Socket } from 'node:net';
import { unmapped } from '../util/network.js';

/** Who the client is, as a proxy in front says it. */
export interface ProxiedClient {
  readonly address: string;
  readonly port: number;
  /** Where the client connected to. */
  readonly localAddress: string;
  readonly localPort: number;
}

export interface ProxyHeader {
  /** Octets of it. */
  readonly length: number;
  /** Null: the proxy speaks for itself, or does not know; the connection's own addresses hold. */
  readonly client: ProxiedClient | null;
}

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const V1 = Buffer.from('PROXY ', 'latin1');
const V1_MOST = 107;
const V2_HEAD = 16;
/** Of a header of version 2 with its extensions. */
const V2_MOST = 4096;

/**
 * The header of the PROXY protocol, version 1 or 2 (haproxy.org, "The PROXY protocol"), at the start of `buf`. Undefined: it is not
 * whole. Null: it is none.
 */
export function parseProxyHeader(buf: Buffer): ProxyHeader | null | undefined {
  if (startsLike(buf, SIGNATURE)) return buf.length < V2_HEAD ? undefined : parseV2(buf);
  return startsLike(buf, V1) ? parseV1(buf) : null;
}

function startsLike(buf: Buffer, expected: Buffer): boolean {
  const length = Math.min(buf.length, expected.length);
  return buf.subarray(0, length).equals(expected.subarray(0, length));
}

function parseV1(buf: Buffer): ProxyHeader | null | undefined {
  const text = buf.toString('latin1', 0, V1_MOST);
  const end = text.indexOf('\r\n');
  if (end < 0) return text.length < V1_MOST ? undefined : null;
  const length = end + 2;
  const line = text.slice(0, end);
  if (/^PROXY UNKNOWN(?: |$)/.test(line)) return { length, client: null };
  const match = /^PROXY TCP([46]) (\S+) (\S+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})$/.exec(line);
  if (match === null) return null;
  const [, family, address = '', localAddress = '', source, destination] = match;
  const isAddress = family === '4' ? isIPv4 : isIPv6;
  const port = Number(source);
  const localPort = Number(destination);
  if (!isAddress(address) || !isAddress(localAddress) || port > 65_535 || localPort > 65_535) return null;
  return { length, client: { address: unmapped(address), port, localAddress: unmapped(localAddress), localPort } };
}

const LOCAL = 0x20;
const PROXIED = 0x21;
const TCP4 = 0x11;
const TCP6 = 0x21;

function parseV2(buf: Buffer): ProxyHeader | null | undefined {
  const command = buf[12]!;
  const length = V2_HEAD + buf.readUInt16BE(14);
  if ((command !== LOCAL && command !== PROXIED) || length > V2_MOST) return null;
  if (buf.length < length) return undefined;
  const family = buf[13]!;
  if (command === LOCAL || (family !== TCP4 && family !== TCP6)) return { length, client: null };
  const size = family === TCP4 ? 4 : 16;
  if (length < V2_HEAD + 2 * size + 4) return null;
  const textOf = family === TCP4 ? textOf4 : textOf6;
  const ports = V2_HEAD + 2 * size;
  const client = {
    address: textOf(buf, V2_HEAD),
    localAddress: textOf(buf, V2_HEAD + size),
    port: buf.readUInt16BE(ports),
    localPort: buf.readUInt16BE(ports + 2),
  };
  return { length, client };
}

function textOf4(buf: Buffer, at: number): string {
  return buf.subarray(at, at + 4).join('.');
}

function textOf6(buf: Buffer, at: number): string {
  const groups = Array.from({ length: 8 }, (_, i) => buf.readUInt16BE(at + 2 * i).toString(16));
  // The URL parser writes addresses as RFC 5952 wants them.
  return unmapped(new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1));
}

/**
 * Reads the header off a socket that was not read yet. `done` gets the client and what came after the header; the socket is paused.
 * Null: there is no valid header, or it is not there within `timeout` ms.
 */
export function readProxyHeader(
  socket: Socket,
  timeout: number,
  done: (header: ProxyHeader | null, rest: Buffer) => void,
): void {
  let kept: Buffer = Buffer.alloc(0);
  const finish = (header: ProxyHeader | null): void => {
    clearTimeout(timer);
    socket.pause();
    socket.off('data', onData).off('end', onGone).off('close', onGone);
    done(header, kept.subarray(header?.length ?? 0));
  };
  const onData = (chunk: Buffer): void => {
    kept = Buffer.concat([kept, chunk]);
    const header = parseProxyHeader(kept);
    if (header !== undefined) finish(header);
  };
  const onGone = (): void => finish(null);
  const timer = setTimeout(onGone, timeout);
  socket.on('data', onData).on('end', onGone).on('close', onGone).resume();
}
