import { Admission } from '../balance/limits/admission.js';
import { RetryBudget } from '../balance/limits/retry-budget.js';
import { Endpoints } from '../balance/endpoints.js';
import { Pool, type PoolOptions } from '../balance/pool.js';
import { ROUND_ROBIN } from '../balance/algorithms/round-robin.js';
import type { AlgorithmLike, Sources } from '../contracts/algorithm.js';
import type { MultiserverError } from '../errors.js';
import type { Exchange, Reply } from '../exchange.js';
import type { HeadLimits } from '../http1/head-parser.js';
import type { ResolvedPoolOptions } from '../option-types.js';
import { HealthChecks } from '../upstream/health-checks.js';
import { Upstream } from '../upstream/connections.js';
import type { LimitHits } from '../util/limits.js';
import { EngineSessions } from './engine-sessions.js';
import { EndpointFaults } from './endpoint-faults.js';
import { EndpointSources, parseSources } from './endpoint-sources.js';
import { Forwarding } from './forwarding.js';
import type { ForwardingContext } from './forwarding-context.js';
import { LastingReplies } from './lasting-replies.js';
import { WorkerEndpoints } from './worker-endpoints.js';

/** What a pool needs to know of the balancer around it. */
export interface PoolSurroundings extends Required<Pick<PoolOptions, 'onChange' | 'onProblem'>> {
  readonly sources: Sources;
  readonly hits: LimitHits;
  readonly onFailed: (exchange: Exchange, reply: Reply, error: MultiserverError) => void;
}

/** One pool, with all that its requests pass on their way: who may come in (admit), who gets them (choose), how they get there (send). */
export class PoolStage {
  readonly pool: Pool;
  readonly endpoints: Endpoints;
  readonly #sources: EndpointSources;
  /** Own workers among them. */
  readonly workers: WorkerEndpoints;
  readonly #admission: Admission;
  readonly #budget: RetryBudget;
  readonly #lasting = new LastingReplies();
  readonly #upstream: Upstream;
  readonly #checks: HealthChecks;
  #options: ResolvedPoolOptions;
  #context: ForwardingContext;

  /** `heads`: how much of an endpoint's answer is taken for its head. Endpoints come by {@link prepare}. */
  constructor(name: string, options: ResolvedPoolOptions, heads: HeadLimits, surroundings: PoolSurroundings) {
    const { sources, hits, onChange, onProblem, onFailed } = surroundings;
    const { now, random } = sources;
    this.#options = options;
    this.pool = new Pool(
      {
        name,
        ...poolSettings(options),
        algorithm: options.algorithm ?? ROUND_ROBIN,
        onChange: (endpoint, from, to, reason) => {
          if (to === 'gone') {
            checks.forget(endpoint);
            upstream.release(endpoint);
            this.workers.onGone(endpoint);
          } else if (to === 'draining' || to === 'maintenance') this.#lasting.drain(endpoint, this.#options.drainTime);
          onChange(endpoint, from, to, reason);
        },
        verdictOn: (endpoint) => checks.verdictOn(endpoint),
        onAdd: (endpoint) => checks.watch(endpoint),
        isExpecting: () => this.workers.expecting,
        onProblem,
      },
      sources,
    );
    const { pool } = this;
    this.endpoints = new Endpoints(
      pool,
      (endpoint) => upstream.prepare(endpoint),
      onProblem,
      (id) => this.workers.isExpected(id),
    );
    this.#sources = new EndpointSources(this.endpoints);
    this.workers = new WorkerEndpoints(pool);
    const upstream = new Upstream({ ...heads, ...upstreamSettings(options), hits, now });
    this.#upstream = upstream;
    const checks = new HealthChecks(pool, options.healthCheck, (endpoint, handler) => upstream.open(endpoint, handler));
    this.#checks = checks;
    this.#admission = new Admission({ ...admissionSettings(options), hasRoom: () => pool.hasRoom() }, now);
    this.#budget = new RetryBudget(options.retries);
    const faults = new EndpointFaults(now, onProblem);
    this.#context = {
      ...forwardSettings(options),
      pool,
      admission: this.#admission,
      budget: this.#budget,
      hits,
      lasting: this.#lasting,
      sessions: new EngineSessions(),
      now,
      random,
      acquire: (endpoint, handler, client, fresh) => upstream.acquire(endpoint, handler, client, fresh),
      onFault: (endpoint, error) => faults.tell(endpoint, error),
      onFailed,
    };
  }

  get queued(): number {
    return this.#admission.queued;
  }

  get algorithm(): AlgorithmLike {
    return this.#options.algorithm ?? ROUND_ROBIN;
  }

  /** Resolves when the endpoints of the options are there, or could not be found. */
  async ready(): Promise<void> {
    await this.#sources.ready;
  }

  /** `timeout` in place of the pool's own. */
  forward(exchange: Exchange, reply: Reply, timeout = this.#options.timeout): void {
    new Forwarding(this.#context, exchange, reply, timeout).start();
  }

  /**
   * Live change: what is in progress goes on, by the options it began with where it matters. The change itself is what is returned, so
   * that several pools change all or none.
   * @throws MultiserverError MS_INVALID_OPTION, MS_BAD_CERTIFICATE; or what an own algorithm throws when it is made.
   */
  prepare(options: ResolvedPoolOptions, heads: HeadLimits): () => void {
    const { algorithm = ROUND_ROBIN } = options;
    const sources = parseSources(options.endpoints);
    const upstream = this.#upstream.prepareChange({ ...heads, ...upstreamSettings(options) });
    const choice = algorithm === this.algorithm ? null : this.pool.prepareAlgorithm(algorithm);
    return () => {
      upstream();
      choice?.();
      this.#options = options;
      this.#context = { ...this.#context, ...forwardSettings(options) };
      this.pool.configure(poolSettings(options));
      this.#budget.configure(options.retries);
      this.#admission.configure(admissionSettings(options));
      this.#checks.configure(options.healthCheck);
      this.#sources.configure(sources);
    };
  }

  /** Ends tunnels and event streams within `time` milliseconds, or the option's where that is less. */
  drain(time: number): void {
    this.#lasting.drainAll(Math.min(time, this.#options.drainTime));
  }

  tick(now: number): void {
    this.#upstream.tick(now);
    this.#admission.sweep(now);
    this.pool.advance();
    // Endpoints may have become ready, or their limits have grown.
    this.#admission.wake();
  }

  /** Once nothing leads here any more, now and then: ends what nobody waits for, in peace, and tells whether all has ended. */
  leave(): boolean {
    this.endpoints.close();
    if (this.queued > 0) return false;
    for (const endpoint of this.endpoints) this.endpoints.remove(endpoint, 'its pool was taken away');
    if (this.pool.endpoints.length > 0) return false;
    this.close();
    return true;
  }

  close(): void {
    this.endpoints.close();
    this.#checks.close();
    this.#upstream.close();
  }
}

function poolSettings({ health, slowStart, maxConcurrent, maxLongLived }: ResolvedPoolOptions) {
  return { health, slowStart, maxConcurrent, maxLongLived };
}

function upstreamSettings(options: ResolvedPoolOptions) {
  const { connectTimeout, responseTimeout, responseIdleTimeout, tunnelIdleTimeout } = options;
  const { endpointTls, endpointProxyProtocol } = options;
  return {
    connectTimeout,
    responseTimeout,
    responseIdleTimeout,
    tunnelIdleTimeout,
    endpointTls,
    endpointProxyProtocol,
  };
}

function admissionSettings({ maxConcurrentConnections: limit, queue }: ResolvedPoolOptions) {
  return { limit, ...queue };
}

function forwardSettings({ preserveHost, forwarded, allowUnderscores, retries }: ResolvedPoolOptions) {
  return {
    preserveHost,
    forwarded,
    allowUnderscores,
    maxRetries: retries.max,
    retryStatuses: retries.statuses,
    retryIdempotencyKey: retries.idempotencyKey,
    maxReplay: retries.maxBody,
  };
}
