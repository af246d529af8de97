import { Admission } from '../balance/limits/admission.js';
import { RetryBudget } from '../balance/limits/retry-budget.js';
import { Endpoints } from '../balance/endpoints.js';
import { Pool, type PoolOptions } from '../balance/pool.js';
import { ROUND_ROBIN } from '../balance/algorithms/round-robin.js';
import type { Sources } from '../contracts/algorithm.js';
import type { MultiserverError } from '../errors.js';
import type { Exchange, Reply } from '../exchange.js';
import type { HeadLimits } from '../http1/head-parser.js';
import type { ResolvedOptions } from '../options.js';
import { Upstream } from '../upstream/connections.js';
import { Forwarding, type ForwardingContext } from './forwarding.js';
import { WorkerEndpoints } from './worker-endpoints.js';

/** What a pool needs to know of the balancer around it. */
export interface PoolSurroundings extends Required<Pick<PoolOptions, 'onChange' | 'onProblem'>> {
  readonly sources: Sources;
  /** How much of an endpoint's answer is taken for its head. */
  readonly heads: HeadLimits;
  readonly onFailed: (exchange: Exchange, reply: Reply, error: MultiserverError) => void;
}

/** One pool, with all that its requests pass on their way: who may come in (admit), who gets them (choose), how they get there (send). */
export class PoolStage {
  readonly pool: Pool;
  readonly endpoints: Endpoints;
  /** Own workers among them. */
  readonly workers: WorkerEndpoints;
  readonly #admission: Admission;
  readonly #upstream: Upstream;
  readonly #context: ForwardingContext;

  constructor(options: ResolvedOptions, { sources, heads, onChange, onProblem, onFailed }: PoolSurroundings) {
    const { now, random } = sources;
    this.pool = new Pool(
      {
        algorithm: options.algorithm ?? ROUND_ROBIN,
        health: options.health,
        onChange: (endpoint, from, to, reason) => {
          if (to === 'gone') {
            upstream.release(endpoint);
            this.workers.onGone(endpoint);
          }
          onChange(endpoint, from, to, reason);
        },
        onProblem,
      },
      sources,
    );
    this.endpoints = new Endpoints(this.pool);
    this.workers = new WorkerEndpoints(this.pool);
    const upstream = new Upstream({ ...heads, ...options, now });
    this.#upstream = upstream;
    this.#admission = new Admission(
      {
        limit: options.maxConcurrentConnections,
        size: options.queue.size,
        timeout: Math.min(options.queue.timeout, options.timeout),
      },
      now,
    );
    const { retries } = options;
    this.#context = {
      ...options,
      pool: this.pool,
      admission: this.#admission,
      budget: new RetryBudget(retries),
      maxRetries: retries.max,
      retryStatuses: retries.statuses,
      retryIdempotencyKey: retries.idempotencyKey,
      maxReplay: retries.maxBody,
      now,
      random,
      acquire: (endpoint, handler) => upstream.acquire(endpoint, handler),
      onFailed,
    };
  }

  get queued(): number {
    return this.#admission.queued;
  }

  forward(exchange: Exchange, reply: Reply): void {
    new Forwarding(this.#context, exchange, reply).start();
  }

  tick(now: number): void {
    this.#upstream.tick(now);
    this.#admission.sweep(now);
    this.pool.advance();
  }

  close(): void {
    this.#upstream.close();
  }
}
