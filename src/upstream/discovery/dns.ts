import type { DiscoveredEndpoint, Discovery } from '../../contracts/discovery.js';
import { MultiserverError } from '../../errors.js';
import type { Duration } from '../../util/duration.js';
import * as row from '../../util/option-rows.js';
import { parseShape } from '../../util/option-table.js';
import { type Finding, PollingDiscovery } from './polling.js';
import { type Family, isNameServer, NameResolver } from './resolver.js';

export interface DnsOptions {
  /** How often the name is resolved again; DNS servers on the way keep answers for as long as their TTL says. Default `'5s'`. */
  refresh?: Duration;
  /** Only addresses of IPv4 or IPv6. Default: those of IPv4 or, when there are none, of IPv6. */
  family?: 4 | 6;
  /** DNS servers, `'10.0.0.2'` or `'10.0.0.2:5353'`, in place of the system's resolver. */
  servers?: readonly string[];
}

/** Every address of a name is an endpoint: `dnsDiscovery('api.internal', 8080)`. */
export function dnsDiscovery(host: string, port: number, options: DnsOptions = {}): Discovery {
  const place = parseShape(PLACE, { host, port }, invalid, 'dnsDiscovery.');
  return new DnsDiscovery(place.host, place.port, options);
}

/**
 * The services of a name (RFC 2782) are the endpoints, with their ports and weights: `srvDiscovery('_http._tcp.api.internal')`. Those of
 * a higher priority number get traffic only when no other can take it.
 */
export function srvDiscovery(service: string, options: DnsOptions = {}): Discovery {
  parseShape(SERVICE, { service }, invalid, 'srvDiscovery.');
  return new SrvDiscovery(service, options);
}

const OPTIONS = {
  refresh: row.duration('5s', '10ms', '24h', 'How often the name is resolved again.'),
  family: row.oneOf([4, 6], 'either', 'Only addresses of IPv4 or IPv6.'),
  servers: row.list("a list of DNS servers, '10.0.0.2' or '10.0.0.2:5353'", isNameServer, 'DNS servers to ask.'),
} satisfies Record<keyof DnsOptions, unknown>;

const isName = (name: string) => /^[^\s/]+$/.test(name);
const PLACE = {
  host: row.needed('the name of a host', isName, 'Whose addresses are endpoints.'),
  port: row.integer(80, 1, 65_535, 'Port of each of them.'),
};
const SERVICE = { service: row.needed('the name of a service', isName, 'What the endpoints serve.') };

const invalid = (message: string) => new MultiserverError('MS_INVALID_OPTION', message);

abstract class NameDiscovery extends PollingDiscovery {
  protected readonly resolver: NameResolver;
  protected readonly family: Family;

  constructor(name: string, options: DnsOptions) {
    const { refresh, servers, family } = parseShape(OPTIONS, options, (message) => invalid(`${name}: ${message}`));
    super(name, refresh);
    this.resolver = new NameResolver(options.servers === undefined ? undefined : servers);
    this.family = family;
  }

  override stop(): void {
    super.stop();
    this.resolver.cancel();
  }
}

class DnsDiscovery extends NameDiscovery {
  readonly #host: string;
  readonly #port: number;

  constructor(host: string, port: number, options: DnsOptions) {
    super(`dns://${host}:${port}`, options);
    this.#host = host;
    this.#port = port;
  }

  protected async find(): Promise<Finding> {
    const addresses = await this.resolver.addresses(this.#host, this.family);
    return { endpoints: addresses.map((address) => ({ url: urlOf(address, this.#port) })) };
  }
}

/** Zero means "hardly ever" (RFC 2782); an endpoint's weight is above it. */
const LEAST_WEIGHT = 0.01;

class SrvDiscovery extends NameDiscovery {
  readonly #service: string;
  /** Of the names in the last answer, for when they cannot be resolved. */
  #known: ReadonlyMap<string, readonly string[]> = new Map();

  constructor(service: string, options: DnsOptions) {
    super(`dns+srv://${service}`, options);
    this.#service = service;
  }

  protected async find(): Promise<Finding> {
    const services = await this.resolver.services(this.#service);
    const names = [...new Set(services.map(({ name }) => name))];
    const answers = await Promise.allSettled(names.map((name) => this.#addresses(name)));
    const known = new Map<string, readonly string[]>();
    const missing: string[] = [];
    for (const [i, name] of names.entries()) {
      const answer = answers[i]!;
      const addresses = answer.status === 'fulfilled' ? answer.value : (this.#known.get(name) ?? []);
      known.set(name, addresses);
      if (answer.status === 'rejected') missing.push(describeFailure(name, answer.reason as Error, addresses.length));
    }
    this.#known = known;
    const first = answers[0];
    if (first?.status === 'rejected' && missing.length === names.length) throw first.reason;
    const endpoints = services.flatMap(({ name, port, priority, weight }): DiscoveredEndpoint[] => {
      const addresses = known.get(name)!;
      const share = Math.max(weight, LEAST_WEIGHT) / addresses.length;
      return addresses.map((address) => ({ url: urlOf(address, port), weight: share, priority }));
    });
    return { endpoints, missing: missing.length === 0 ? undefined : new Error(missing.join(', ')) };
  }

  /** "." says that there is decidedly no such service. */
  async #addresses(name: string): Promise<string[]> {
    return name === '' || name === '.' ? [] : this.resolver.addresses(name, this.family);
  }
}

function describeFailure(name: string, { message }: Error, kept: number): string {
  return `${name} (${message}; ${kept === 0 ? 'no address is known' : `the last ${kept} are kept`})`;
}

function urlOf(address: string, port: number): string {
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}`;
}
