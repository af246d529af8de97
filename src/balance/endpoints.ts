import { MultiserverError } from '../errors.js';
import { type Address, Endpoint, READY } from './endpoint.js';
import type { Pool } from './pool.js';

export interface EndpointInit {
  /** Relative share of the traffic, > 0. Default 1. */
  weight?: number;
}

/** What users see of a pool's endpoints. Methods that take an endpoint also take its `id`. */
export class Endpoints {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /**
   * Takes in a server that already runs: `http://host:port` or `unix:/path`. It gets traffic at once.
   * @throws MultiserverError MS_INVALID_OPTION for any other URL, or one that is there already.
   */
  add(url: string, init: EndpointInit = {}): Endpoint {
    const weight = weightOf(init.weight ?? 1);
    const address = parseEndpointUrl(url);
    const id = idOf(address);
    // One that is on its way out is another, which ends by itself.
    if (this.find(id)?.leaving === false)
      throw new MultiserverError('MS_INVALID_OPTION', `The endpoint ${id} is there already.`);
    const endpoint = new Endpoint({ id, url: id, address, weight });
    this.#pool.add(endpoint, READY);
    return endpoint;
  }

  /** Another share of the traffic from now on. */
  setWeight(endpoint: Endpoint | string, weight: number): void {
    this.#pool.setWeight(this.#get(endpoint), weightOf(weight));
  }

  /** No new requests; out of the pool when those in progress have ended. */
  remove(endpoint: Endpoint | string): void {
    this.#pool.remove(this.#get(endpoint));
  }

  /** No new requests; {@link resume} brings it back. */
  drain(endpoint: Endpoint | string): void {
    this.#pool.drain(this.#get(endpoint));
  }

  /** As drain, but an own worker that comes back in the same slot stays in it too. */
  maintenance(endpoint: Endpoint | string): void {
    this.#pool.maintenance(this.#get(endpoint));
  }

  resume(endpoint: Endpoint | string): void {
    this.#pool.resume(this.#get(endpoint));
  }

  find(id: string): Endpoint | undefined {
    const found = this.#pool.endpoints.filter((endpoint) => endpoint.id === id);
    return found.find(({ leaving }) => !leaving) ?? found[0];
  }

  list(): readonly Endpoint[] {
    return [...this.#pool.endpoints];
  }

  [Symbol.iterator](): Iterator<Endpoint> {
    return this.list()[Symbol.iterator]();
  }

  #get(endpoint: Endpoint | string): Endpoint {
    if (typeof endpoint !== 'string') return endpoint;
    const found = this.find(endpoint) ?? this.#pool.endpoints.findLast((e) => e.url === endpoint);
    if (found !== undefined) return found;
    const known = this.#pool.endpoints.map((e) => e.id).join(', ') || 'none';
    throw new MultiserverError('MS_INVALID_OPTION', `There is no endpoint "${endpoint}"; there are: ${known}.`);
  }
}

function weightOf(weight: number): number {
  if (Number.isFinite(weight) && weight > 0) return weight;
  throw new MultiserverError(
    'MS_INVALID_OPTION',
    `The weight of an endpoint must be a number above 0; it is ${String(weight)}.`,
  );
}

function idOf(address: Address): string {
  if (address.path !== '') return `unix:${address.path}`;
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `http://${host}:${address.port}`;
}

export function parseEndpointUrl(url: string): Address {
  if (url.startsWith('unix:') && url.length > 5) return { host: '', port: 0, path: url.slice(5), secure: false };
  const parsed = URL.canParse(url) ? new URL(url) : null;
  const plain =
    parsed !== null && parsed.username === '' && parsed.pathname === '/' && parsed.search === '' && parsed.hash === '';
  if (parsed === null || !plain || parsed.protocol !== 'http:') {
    throw new MultiserverError(
      'MS_INVALID_OPTION',
      `"${url}" is no endpoint: give "http://host:port" (no path) or "unix:/path".`,
    );
  }
  return { host: parsed.hostname.replace(/^\[|\]$/g, ''), port: Number(parsed.port || 80), path: '', secure: false };
}
