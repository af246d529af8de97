import { BlockList, isIP } from 'node:net';
import { MultiserverError } from '../errors.js';
import type { ClientInfo, Exchange, Forwarded } from '../exchange.js';
import * as f from '../http1/fields.js';
import { parseForwarded, plainAddress, splitList } from './forwarded-fields.js';
import { isRequestId } from './request-id.js';

/** Ranges that have a name. A peer on a Unix socket is on this machine, as one on the loopback is. */
const NAMED: Record<string, readonly string[]> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
};

/** RFC 3986 §3.2.2 in the form that may be put into a URL; a comma would end a list's member. */
const HOST = /^(?:[A-Za-z0-9._~!$&'()*+;=%-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?$/;

/**
 * The phase `trust`: decides whose address, scheme, host and port a request has. Nobody is believed but the peer itself, unless it is one
 * of `trustedProxies`; then X-Forwarded-For (or, where there is none, RFC 7239 Forwarded) is walked from the right over trusted
 * addresses, and the first other one is the client. What stands left of it was said by nobody we know.
 */
export function createTrust(trustedProxies: readonly string[]): (exchange: Exchange) => void {
  if (trustedProxies.length === 0) return () => {};
  const isTrusted = createAddressTest(trustedProxies);
  const peers = new WeakMap<ClientInfo, boolean>();
  return (exchange) => {
    let trusted = peers.get(exchange.client);
    if (trusted === undefined) {
      trusted = isTrusted(exchange.clientAddress);
      peers.set(exchange.client, trusted);
    }
    if (trusted) believe(exchange, isTrusted);
  };
}

/** Whether an address is one of `trustedProxies`. */
export function createAddressTest(trustedProxies: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  let local = false;
  for (const entry of trustedProxies) {
    local ||= entry === 'loopback';
    for (const range of NAMED[entry] ?? [entry]) addRange(list, range);
  }
  return (address) => {
    if (address === '') return local;
    const family = isIP(address);
    return family !== 0 && list.check(address, family === 4 ? 'ipv4' : 'ipv6');
  };
}

function addRange(list: BlockList, range: string): void {
  const slash = range.indexOf('/');
  const address = slash < 0 ? range : range.slice(0, slash);
  const family = isIP(address);
  const bits = slash < 0 ? (family === 4 ? 32 : 128) : Number(range.slice(slash + 1));
  if (family === 0 || !Number.isInteger(bits) || bits < 0 || bits > (family === 4 ? 32 : 128)) {
    throw new MultiserverError('MS_INVALID_OPTION', `trustedProxies: '${range}' is no address and no CIDR range`);
  }
  list.addSubnet(address, bits, family === 4 ? 'ipv4' : 'ipv6');
}

function believe(exchange: Exchange, isTrusted: (address: string) => boolean): void {
  let forwardedFor = '';
  let protos = '';
  let hosts = '';
  let ports = '';
  let standard = '';
  const { pairs, kinds } = exchange.head;
  for (let i = 0; i < kinds.length; i++) {
    const value = pairs[2 * i + 1]!;
    // Fields of one name are one list, RFC 9110 §5.3.
    if (kinds[i] === f.F_X_FORWARDED_FOR) forwardedFor = join(forwardedFor, value);
    else if (kinds[i] === f.F_X_FORWARDED_PROTO) protos = join(protos, value);
    else if (kinds[i] === f.F_X_FORWARDED_HOST) hosts = join(hosts, value);
    else if (kinds[i] === f.F_X_FORWARDED_PORT) ports = join(ports, value);
    else if (kinds[i] === f.F_FORWARDED) standard = join(standard, value);
    else if (kinds[i] === f.F_X_REQUEST_ID && isRequestId(value)) exchange.requestId = value;
  }
  let hops: string[] = splitList(forwardedFor);
  let byHop = { protos: splitList(protos), hosts: splitList(hosts), ports: splitList(ports) };
  if (forwardedFor === '' && standard !== '') {
    const elements = parseForwarded(standard);
    hops = elements.map((element) => element.for);
    byHop = {
      ...byHop,
      protos: elements.map((element) => element.proto),
      hosts: elements.map((element) => element.host),
    };
  }

  let first = hops.length;
  const chain: string[] = [];
  while (first > 0) {
    const address = plainAddress(hops[first - 1]!);
    if (isIP(address) === 0) break;
    first--;
    chain.unshift(address);
    if (!isTrusted(address)) break;
  }
  if (chain.length > 0) exchange.clientAddress = chain[0]!;
  exchange.forwarded = describe(exchange, chain, first, hops.length, byHop);
}

function describe(
  exchange: Exchange,
  chain: readonly string[],
  first: number,
  count: number,
  byHop: { protos: string[]; hosts: string[]; ports: string[] },
): Forwarded {
  // Proxies that append keep these lists in step with the addresses; others write one value, and the nearest one is the surest.
  // Of a client without an address that is known (`unknown`, RFC 7239 §6.2), the nearest one says the rest.
  const at = Math.min(first, count - 1);
  const ofClient = (values: string[]): string => (values.length === count ? values[at] : values.at(-1)) ?? '';
  const said = ofClient(byHop.protos).toLowerCase();
  const known = said === 'https' || said === 'wss' || said === 'http' || said === 'ws';
  const proto = (known ? said.startsWith('https') || said === 'wss' : exchange.client.encrypted) ? 'https' : 'http';
  const saidHost = ofClient(byHop.hosts);
  const host = HOST.test(saidHost) ? saidHost : exchange.authority;
  const saidPort = ofClient(byHop.ports);
  const ownPort = exchange.client.localPort;
  let port = HOST.exec(host)?.[1] ?? '';
  if (/^\d{1,5}$/.test(saidPort)) port = saidPort;
  else if (port === '') port = known || ownPort === 0 ? (proto === 'https' ? '443' : '80') : `${ownPort}`;
  return { chain, proto, host, port };
}

function join(list: string, value: string): string {
  return list === '' ? value : `${list},${value}`;
}
