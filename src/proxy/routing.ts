import { type KeyOf, keyOf } from '../balance/algorithms/key.js';
import { RateLimit } from '../balance/limits/rate-limit.js';
import { type RouteRule, Routes } from '../balance/routes.js';
import type { ReportProblem } from '../contracts/algorithm.js';
import { MultiserverError } from '../errors.js';
import type { Exchange, Reply } from '../exchange.js';
import type { ResolvedOptions, ResolvedRateLimit } from '../option-types.js';
import type { LimitHits } from '../util/limits.js';
import { networkOf } from '../util/network.js';
import type { PoolStage } from './pool-stage.js';

/** What a request finds that follows a rule, or none. */
interface Terms extends RouteRule {
  readonly stage: PoolStage;
  readonly timeout: number | undefined;
  readonly maxBody: number;
  readonly limit: ClientLimit | null;
}

type Stages = ReadonlyMap<string, PoolStage>;

/** Between own routes and balancing: which pool gets a request, and on what terms. */
export class Routing {
  readonly #now: () => number;
  readonly #hits: LimitHits;
  readonly #onProblem: ReportProblem;
  /** By the rule they belong to; the balancer's own under ''. */
  #limits = new Map<string, ClientLimit>();
  /** Of what follows no rule. */
  #terms!: Terms;
  /** Null where all requests go the same way. */
  #routes: Routes<Terms> | null = null;

  constructor(now: () => number, hits: LimitHits, onProblem: ReportProblem) {
    this.#now = now;
    this.#hits = hits;
    this.#onProblem = onProblem;
  }

  /** @throws MultiserverError MS_INVALID_OPTION, and nothing is changed. */
  configure({ routes, rateLimit }: ResolvedOptions, stages: Stages): void {
    const limits = new Map<string, ClientLimit>();
    const limitOf = (place: string, options: ResolvedRateLimit | undefined): ClientLimit | null => {
      if (options === undefined) return null;
      const before = this.#limits.get(place);
      // What clients have used up stays so, unless the limit is another.
      const limit = before?.isFor(options) ? before : new ClientLimit(options, this.#now, this.#onProblem);
      limits.set(place, limit);
      return limit;
    };
    const common = limitOf('', rateLimit);
    const rules = routes.map((route, i): Terms => {
      const { host, path, pool, timeout, maxBody } = route;
      const stage = stages.get(pool);
      if (stage === undefined) {
        const known = [...stages.keys()].join(', ');
        throw new MultiserverError(
          'MS_INVALID_OPTION',
          `Option "routes.${i}.pool": there is no "${pool}"; there are: ${known}.`,
        );
      }
      const limit = route.rateLimit === undefined ? common : limitOf(`${host} ${path}`, route.rateLimit);
      return {
        ...(host === undefined ? {} : { host }),
        ...(path === undefined ? {} : { path }),
        stage,
        timeout,
        maxBody,
        limit,
      };
    });
    const table = rules.length === 0 ? null : new Routes(rules);
    this.#limits = limits;
    this.#terms = { stage: stages.get('default')!, timeout: undefined, maxBody: Infinity, limit: common };
    this.#routes = table;
  }

  forward(exchange: Exchange, reply: Reply): void {
    let terms = this.#terms;
    if (this.#routes !== null) {
      const found = this.#routes.match(exchange.authority, exchange.target);
      // Servers could read the path so that another rule is meant, whose limits must not be walked around.
      if (found === null) {
        reply.fail(new MultiserverError('MS_BAD_TARGET', 'The path can be read in more than one way.'));
        return;
      }
      terms = found ?? terms;
    }
    const { limit, maxBody, stage, timeout } = terms;
    const error = limit?.check(exchange);
    if (error !== undefined) {
      this.#hits['rateLimit.rate']++;
      reply.fail(error);
    } else if (exchange.length > maxBody) reply.fail(new MultiserverError('MS_BODY_TOO_LARGE'));
    else {
      if (maxBody !== Infinity) exchange.limitBody(maxBody);
      stage.forward(exchange, reply, timeout);
    }
  }
}

/** A limit for each client. */
class ClientLimit {
  readonly #options: ResolvedRateLimit;
  readonly #buckets: RateLimit;
  readonly #given: KeyOf | null;
  readonly #onProblem: ReportProblem;
  #reported = false;

  constructor(options: ResolvedRateLimit, now: () => number, onProblem: ReportProblem) {
    this.#options = options;
    this.#buckets = new RateLimit(options, now);
    this.#given = options.key === 'ip' ? null : keyOf(options.key, 'rateLimit.key');
    this.#onProblem = onProblem;
  }

  isFor({ rate, burst, key }: ResolvedRateLimit): boolean {
    const own = this.#options;
    return own.rate === rate && own.burst === burst && own.key === key;
  }

  check(exchange: Exchange): MultiserverError | undefined {
    const wait = this.#buckets.take(this.#keyOf(exchange));
    if (wait === 0) return undefined;
    return new MultiserverError('MS_RATE_LIMITED', undefined, { retryAfter: Math.ceil(wait / 1000) });
  }

  /** A key that is given never stands for the client of an address. */
  #keyOf(exchange: Exchange): string {
    let key: string | undefined;
    try {
      key = this.#given?.(exchange);
    } catch (error) {
      // Each request would say it again.
      if (!this.#reported) this.#onProblem('rateLimit.key failed; the client was told by its address instead.', error);
      this.#reported = true;
    }
    return key === undefined ? networkOf(exchange.clientAddress) : `=${key}`;
  }
}
