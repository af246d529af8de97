import { MultiserverError } from '../errors.js';
import type { EndpointTls } from '../option-types.js';
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
  const { priority = 0, proxyProtocol, tls } = init;
  if (!Number.isInteger(priority) || priority < 0) {
    throw new MultiserverError(
      'MS_INVALID_OPTION',
      `The priority of an endpoint must be a whole number from 0; it is ${String(priority)}.`,
    );
  }
  if (proxyProtocol !== undefined && ![0, 1, 2].includes(proxyProtocol)) {
    throw new MultiserverError(
      'MS_INVALID_OPTION',
      `The proxyProtocol of an endpoint must be 0, 1 or 2; it is ${String(proxyProtocol)}.`,
    );
  }
  return { id, url: id, address, weight: weightOf(init.weight ?? 1), priority, tls, proxyProtocol };
}

function idOf(address: Address): string {
  if (address.path !== '') return `unix:${address.path}`;
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${address.secure ? 'https' : 'http'}://${host}:${address.port}`;
}

function parseEndpointUrl(url: string): Address {
  if (url.startsWith('unix:') && url.length > 5) return { host: '', port: 0, path: url.slice(5), secure: false };
  const parsed = URL.canParse(url) ? new URL(url) : null;
  const plain =
    parsed !== null && parsed.username === '' && parsed.pathname === '/' && parsed.search === '' && parsed.hash === '';
  if (parsed === null || !plain || !/^https?:$/.test(parsed.protocol)) {
    throw new MultiserverError(
      'MS_INVALID_OPTION',
      `"${url}" is no endpoint: give "http://host:port" or "https://host:port" (no path), or "unix:/path".`,
    );
  }
  const secure = parsed.protocol === 'https:';
  const port = Number(parsed.port || (secure ? 443 : 80));
  return { host: parsed.hostname.replace(/^\[|\]$/g, ''), port, path: '', secure };
}

export function weightOf(weight: number): number {
  if (Number.isFinite(weight) && weight > 0) return weight;
  throw new MultiserverError(
    'MS_INVALID_OPTION',
    `The weight of an endpoint must be a number above 0; it is ${String(weight)}.`,
  );
}
