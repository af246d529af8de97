import type { Discovery } from '../contracts/discovery.js';
import { MultiserverError } from '../errors.js';
import { isDiscovery } from '../options/pool.js';
import { show } from '../util/option-table.js';
import { DiscoveredEndpoints } from './discovered.js';
import { Endpoint, READY } from './endpoint.js';
import { describe, type EndpointInit, weightOf } from './endpoint-url.js';
import type { Pool } from './pool.js';

/** What users see of a pool's endpoints. Methods that take an endpoint also take its `id`. */
export class Endpoints {
  readonly #pool: Pool;
  readonly #discovered: DiscoveredEndpoints;
  readonly #prepare: (endpoint: Endpoint) => void;
  readonly #isWorkerDown: (id: string) => boolean;

  /** `prepare` looks at an endpoint before it is taken in, and throws if it is of no use. */
  constructor(
    pool: Pool,
    prepare: (endpoint: Endpoint) => void,
    onProblem: (message: string, error?: unknown) => void,
    isWorkerDown: (id: string) => boolean = () => false,
  ) {
    this.#pool = pool;
    this.#prepare = prepare;
    this.#isWorkerDown = isWorkerDown;
    this.#discovered = new DiscoveredEndpoints(this, pool, onProblem);
  }

  /**
   * Takes in a server that already runs: `http://host:port`, `https://host:port` or `unix:/path`. It gets traffic at once.
   * @throws MultiserverError MS_INVALID_OPTION for any other URL, or one that is there already; MS_BAD_CERTIFICATE.
   */
  add(url: string, init: EndpointInit = {}): Endpoint {
    const described = describe(url, init);
    if (this.has(described.id))
      throw new MultiserverError('MS_INVALID_OPTION', `The endpoint ${described.id} is there already.`);
    const endpoint = new Endpoint(described);
    this.#prepare(endpoint);
    this.#pool.add(endpoint, READY);
    return endpoint;
  }

  /**
   * Keeps in step with what `discovery` finds: what it names is added, what it names no more is removed. Resolves when it has found its
   * first set, or has failed to; it goes on looking in any case, and what was found last is kept meanwhile.
   */
  async discover(discovery: Discovery): Promise<void> {
    if (!isDiscovery(discovery))
      throw new MultiserverError('MS_INVALID_OPTION', `${show(discovery)} is no discovery: it has no start and stop.`);
    await this.#discovered.start(discovery);
  }

  /** Ends a discovery; what only it has found is removed. */
  stopDiscovery(discovery: Discovery): void {
    this.#discovered.stop(discovery);
  }

  /** Another share of the traffic from now on, also of a worker that comes back in its slot, and until a discovery finds another weight. */
  setWeight(endpoint: Endpoint | string, weight: number): void {
    const found = this.#get(endpoint);
    this.#pool.setWeight(found, weightOf(found.id, weight), true);
  }

  /** No new requests; out of the pool when those in progress have ended. */
  remove(endpoint: Endpoint | string, reason?: string): void {
    const found = this.#get(endpoint);
    this.#pool.forget(found.id);
    this.#pool.remove(found, reason);
  }

  /** No new requests; {@link resume} brings it back. */
  drain(endpoint: Endpoint | string): void {
    this.#pool.drain(this.#get(endpoint));
  }

  /** As drain, but an own worker that comes back in the same slot stays in it too, and an endpoint that is found again. */
  maintenance(endpoint: Endpoint | string): void {
    if (typeof endpoint === 'string' && this.isDown(endpoint)) this.#pool.hold(endpoint);
    else this.#pool.maintenance(this.#get(endpoint));
  }

  resume(endpoint: Endpoint | string): void {
    if (typeof endpoint === 'string' && this.isDown(endpoint)) this.#pool.release(endpoint);
    else this.#pool.resume(this.#get(endpoint));
  }

  /** An own worker of that id is not there, and will come or come back. */
  isDown(id: string): boolean {
    return this.find(id) === undefined && this.#isWorkerDown(id);
  }

  /** One that is on its way out does not count: it ends by itself. */
  has(id: string): boolean {
    return this.find(id)?.leaving === false;
  }

  find(id: string): Endpoint | undefined {
    const found = this.#pool.endpoints.filter((endpoint) => endpoint.id === id);
    return found.find(({ leaving }) => !leaving) ?? found[0];
  }

  /** Ends all discoveries; the endpoints stay. */
  close(): void {
    this.#discovered.close();
  }

  list(): readonly Endpoint[] {
    return [...this.#pool.endpoints];
  }

  [Symbol.iterator](): Iterator<Endpoint> {
    return this.list()[Symbol.iterator]();
  }

  #get(endpoint: Endpoint | string): Endpoint {
    const { endpoints } = this.#pool;
    // One that is gone is past all harm.
    if (endpoint instanceof Endpoint && (endpoints.includes(endpoint) || endpoint.state === 'gone')) return endpoint;
    const found = this.find(endpoint as string) ?? endpoints.findLast((e) => e.url === endpoint);
    if (found !== undefined) return found;
    const known = this.#pool.endpoints.map((e) => e.id).join(', ') || 'none';
    const name = endpoint instanceof Endpoint ? endpoint.id : endpoint;
    throw new MultiserverError('MS_INVALID_OPTION', `There is no endpoint "${name}"; there are: ${known}.`);
  }
}
