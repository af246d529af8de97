import { isIPv4, isIPv6 } from 'node:net';
import type { ClientInfo } from '../exchange.js';
import { groupsOf } from '../util/network.js';

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
/** Version 2 and the command, LOCAL or PROXY. */
const LOCAL = 0x20;
const PROXIED = 0x21;
/** Address family and transport. */
const UNSPECIFIED = 0x00;
const TCP4 = 0x11;
const TCP6 = 0x21;

/**
 * The header of the PROXY protocol (haproxy.org, "The PROXY protocol") that names `client`; null: the connection is the balancer's own.
 * A client on a Unix socket has no address to be named.
 */
export function writeProxyHeader(version: number, client: ClientInfo | null): Buffer {
  return version === 1 ? writeV1(client) : writeV2(client);
}

function writeV1(client: ClientInfo | null): Buffer {
  const family = client === null ? 0 : familyOf(client);
  if (client === null || family === 0) return Buffer.from('PROXY UNKNOWN\r\n');
  const { address, port, localAddress, localPort } = client;
  return Buffer.from(
    `PROXY TCP${family} ${zoneless(address)} ${zoneless(localAddress)} ${port} ${localPort}\r\n`,
    'latin1',
  );
}

function writeV2(client: ClientInfo | null): Buffer {
  if (client === null) return v2(LOCAL, UNSPECIFIED, []);
  const family = familyOf(client);
  if (family === 0) return v2(PROXIED, UNSPECIFIED, []);
  const octetsOf = family === 4 ? octets4 : octets6;
  return v2(PROXIED, family === 4 ? TCP4 : TCP6, [
    ...octetsOf(client.address),
    ...octetsOf(client.localAddress),
    ...octets16(client.port),
    ...octets16(client.localPort),
  ]);
}

function v2(command: number, family: number, body: number[]): Buffer {
  return Buffer.concat([SIGNATURE, Buffer.of(command, family, ...octets16(body.length), ...body)]);
}

/** 4, 6, or 0: there is no address, or not of one family. */
function familyOf({ address, localAddress }: ClientInfo): 0 | 4 | 6 {
  if (isIPv4(address) && isIPv4(localAddress)) return 4;
  return isIPv6(address) && isIPv6(localAddress) ? 6 : 0;
}

/** The interface of a link-local address means nothing to another host. */
function zoneless(address: string): string {
  return address.replace(/%.*/, '');
}

function octets4(address: string): number[] {
  return address.split('.').map(Number);
}

function octets6(address: string): number[] {
  // The URL parser writes addresses without dots.
  const plain = new URL(`http://[${zoneless(address)}]`).hostname.slice(1, -1);
  return groupsOf(plain).flatMap((group) => octets16(parseInt(group || '0', 16)));
}

function octets16(value: number): number[] {
  return [value >> 8, value & 255];
}
