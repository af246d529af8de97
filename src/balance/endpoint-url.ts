import type { DiscoveredEndpoint } from '../contracts/discovery.js';
import { MultiserverError } from '../errors.js';
import type { EndpointTls } from '../option-types.js';
import { ENDPOINT_TLS } from '../options/pool.js';
import * as row from '../util/option-rows.js';
import { group, parseShape, show } from '../util/option-table.js';
import type { Address, Endpoint } from './endpoint.js';

export interface EndpointInit {
  /** Relative share of the traffic, > 0. Default 1. */
  weight?: number | undefined;
  /** Those of a higher number get requests only when none of a lower one can take them. Default 0. */
  priority?: number | undefined;
  /** Of an `https://` endpoint, before the option `endpointTls`. */
  tls?: EndpointTls | undefined;
  /** Version of the PROXY protocol by which it is told the client's address, 0: none; before the option `endpointProxyProtocol`. */
  proxyProtocol?: 0 | 1 | 2 | undefined;
}

/** What an endpoint is made from; its id is the same for each way of writing its address. */
export function describe(url: string, init: EndpointInit): ConstructorParameters<typeof Endpoint>[0] {
  const address = parseEndpointUrl(url);
  const id = idOf(address);
  const { weight, priority, proxyProtocol } = parse(id, init);
  return { id, url: id, address, weight, priority, tls: init.tls, proxyProtocol };
}

const INIT = {
  weight: row.above(0, 1, 'Relative share of the traffic.'),
  priority: row.integer(0, 0, 65_535, 'Those of a higher number get requests only when none of a lower one can.'),
  proxyProtocol: row.oneOf([0, 1, 2], 'as the pool has it', 'Version of the PROXY protocol, 0: none.'),
  tls: group(ENDPOINT_TLS),
} satisfies Record<keyof EndpointInit, unknown>;

/** The same for one of a list, which has less to say. */
export function describeListed({ url, ...init }: DiscoveredEndpoint): ConstructorParameters<typeof Endpoint>[0] {
  const described = describe(url, {});
  const { weight, priority } = INIT;
  return { ...described, ...parseShape({ weight, priority }, init, failFor(described.id)) };
}

const failFor = (id: string) => (message: string) => invalid(`Endpoint ${id}: ${message}`);

function parse(id: string, init: EndpointInit) {
  return parseShape(INIT, init, failFor(id));
}

export function weightOf(id: string, weight: number): number {
  return parse(id, { weight }).weight;
}

function idOf(address: Address): string {
  if (address.path !== '') return `unix:${address.path}`;
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${address.secure ? 'https' : 'http'}://${host}:${address.port}`;
}

function parseEndpointUrl(url: string): Address {
  if (typeof url !== 'string') throw invalid(`An endpoint is given by its URL, not by ${show(url)}.`);
  if (url.startsWith('unix:') && url.length > 5) return { host: '', port: 0, path: url.slice(5), secure: false };
  const parsed = URL.canParse(url) ? new URL(url) : null;
  const plain =
    parsed !== null &&
    parsed.username === '' &&
    parsed.pathname === '/' &&
    parsed.search === '' &&
    parsed.hash === '' &&
    parsed.port !== '0';
  if (parsed === null || !plain || !/^https?:$/.test(parsed.protocol)) {
    throw invalid(
      `"${url}" is no endpoint: give "http://host:port" or "https://host:port" (no path), or "unix:/path".`,
    );
  }
  const secure = parsed.protocol === 'https:';
  const port = Number(parsed.port || (secure ? 443 : 80));
  return { host: parsed.hostname.replace(/^\[|\]$/g, ''), port, path: '', secure };
}

function invalid(message: string): MultiserverError {
  return new MultiserverError('MS_INVALID_OPTION', message);
}
