import type { Endpoints } from '../balance/endpoints.js';
import type { AlgorithmLike } from '../contracts/algorithm.js';
import { MultiserverError } from '../errors.js';
import type { EndpointSource, LoadBalancerOptions, PoolOptions } from '../option-types.js';
import type { PoolStage } from '../proxy/pool-stage.js';

/** One of a balancer's pools. */
export class BalancerPool {
  readonly name: string;
  readonly endpoints: Endpoints;
  readonly #stage: PoolStage;
  readonly #reconfigure: (changes: PoolOptions) => void;

  constructor(name: string, stage: PoolStage, reconfigure: (changes: PoolOptions) => void) {
    this.name = name;
    this.endpoints = stage.endpoints;
    this.#stage = stage;
    this.#reconfigure = reconfigure;
  }

  /** Which endpoint gets a request; may be set while it runs. */
  get algorithm(): AlgorithmLike {
    return this.#stage.algorithm;
  }

  set algorithm(algorithm: AlgorithmLike) {
    this.#reconfigure({ algorithm });
  }

  /** As `LoadBalancer.reconfigure`, for this pool alone. */
  reconfigure(changes: PoolOptions): this {
    this.#reconfigure(changes);
    return this;
  }
}

/** The balancer's pools by name; `default` is the one whose options and endpoints are the balancer's own. */
export class Pools {
  readonly #pools = new Map<string, BalancerPool>();
  readonly #reconfigure: (changes: LoadBalancerOptions) => void;

  constructor(reconfigure: (changes: LoadBalancerOptions) => void) {
    this.#reconfigure = reconfigure;
  }

  /** One more pool; routes may lead to it from now on. */
  add(name: string, options: PoolOptions | readonly EndpointSource[] = {}): BalancerPool {
    if (typeof name !== 'string')
      throw new MultiserverError('MS_INVALID_OPTION', `The name of a pool must be a text; it is ${String(name)}.`);
    this.#reconfigure({ pools: { [name]: options } });
    return this.#pools.get(name)!;
  }

  /**
   * Takes one away to which no rule leads; requests in progress or in its queue end as usual.
   * @throws MultiserverError MS_INVALID_OPTION when it is still needed, or is not there.
   */
  remove(name: string): void {
    if (name === 'default' || !this.#pools.has(name))
      throw new MultiserverError('MS_INVALID_OPTION', `There is no pool "${name}" beside the default one.`);
    this.#reconfigure({ pools: { [name]: undefined } });
  }

  get(name: string): BalancerPool | undefined {
    return this.#pools.get(name);
  }

  [Symbol.iterator](): Iterator<BalancerPool> {
    return this.#pools.values();
  }

  /** For the balancer: the stages that stand for pools. */
  keep(stages: ReadonlyMap<string, PoolStage>): void {
    for (const name of this.#pools.keys()) if (!stages.has(name)) this.#pools.delete(name);
    for (const [name, stage] of stages) {
      if (this.#pools.has(name)) continue;
      const change = (changes: PoolOptions) =>
        this.#reconfigure(name === 'default' ? changes : { pools: { [name]: changes } });
      this.#pools.set(name, new BalancerPool(name, stage, change));
    }
  }
}
