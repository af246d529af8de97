import type {
  Algorithm,
  AlgorithmFactory,
  EndpointView,
  Outcome,
  RequestView,
  Sources,
} from '../../contracts/algorithm.js';
import { drawTwo } from './random.js';

/** Milliseconds in which old samples lose all but 1/e of their weight. */
const MEMORY = 10_000;
/** What a failure counts as, in milliseconds, when the endpoint does not say when to come back. */
const PENALTY = 5_000;
/** Up to so many candidates all are compared, above two random ones by their weights. */
const SCAN = 8;
/** No cost is below it, so that in-flight counts still decide between endpoints that have no sample yet. */
const FLOOR = 0.01;

/**
 * Peak-EWMA of the time to first byte, times requests in flight. A slower answer counts at once and in full (peak), faster ones win it
 * back only slowly; a cost that nothing renews decays, so an endpoint that was avoided is tried again. A stuck endpoint is avoided as
 * soon as a few requests hang there, before the first of them fails.
 */
export class LeastLatency implements Algorithm {
  readonly name: string = 'least-latency';
  readonly #sources: Sources;
  /** By index: cost in milliseconds, as of the time in `#at`. */
  #cost = new Float64Array(16);
  #at = new Float64Array(16);
  #known: (EndpointView | undefined)[] = [];
  /** Where the next scan begins: equals take turns. */
  #start = 0;
  readonly #two: EndpointView[] = [];

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  pick(candidates: readonly EndpointView[], _request: RequestView): EndpointView | undefined {
    let some = candidates;
    if (candidates.length > SCAN) {
      some = this.#two;
      drawTwo(candidates, this.#sources, this.#two);
    }
    const count = some.length;
    const now = this.#sources.now();
    let best: EndpointView | undefined;
    let least = Infinity;
    let at = this.#start;
    for (let i = 0; i < count; i++, at++) {
      if (at >= count) at = 0;
      const candidate = some[at]!;
      const load = this.#load(candidate, now);
      if (load < least) {
        least = load;
        best = candidate;
        this.#start = at + 1;
      }
    }
    return best;
  }

  onEndpoints(endpoints: readonly EndpointView[]): void {
    const now = this.#sources.now();
    let size = this.#cost.length;
    for (const { index } of endpoints) while (index >= size) size *= 2;
    const old = endpoints.filter((endpoint) => this.#known[endpoint.index] === endpoint);
    const median = medianOf(old.map((endpoint) => this.costOf(endpoint, now)));
    const cost = new Float64Array(size).fill(median);
    const at = new Float64Array(size).fill(now);
    for (const { index } of old) {
      cost[index] = this.#cost[index]!;
      at[index] = this.#at[index]!;
    }
    this.#known = [];
    for (const endpoint of endpoints) this.#known[endpoint.index] = endpoint;
    this.#cost = cost;
    this.#at = at;
  }

  onResult(endpoint: EndpointView, outcome: Outcome): void {
    if (outcome.longLived) return;
    const now = this.#sources.now();
    const { index } = endpoint;
    const cost = this.costOf(endpoint, now);
    let next = cost;
    if (outcome.failed || outcome.status >= 500 || outcome.status === 429) {
      next = Math.max(cost, outcome.retryAfter > 0 ? outcome.retryAfter * 1000 : PENALTY);
    } else if (outcome.firstByte >= 0) {
      const sample = outcome.firstByte;
      next = sample > this.#cost[index]! ? sample : cost + sample * (1 - Math.exp((this.#at[index]! - now) / MEMORY));
    } else {
      // The client gave up before any answer: the latency is at least this.
      next = Math.max(cost, outcome.waited ?? 0);
    }
    this.#cost[index] = next;
    this.#at[index] = now;
  }

  /** The cost now, decayed since the last sample. */
  costOf(endpoint: EndpointView, now: number): number {
    const { index } = endpoint;
    return this.#cost[index]! * Math.exp((this.#at[index]! - now) / MEMORY);
  }

  /** What waits is not faster than it has been silent: so much is known before the first answer or time-out. */
  #load(endpoint: EndpointView, now: number): number {
    const cost = Math.max(this.costOf(endpoint, now), now - endpoint.silentSince, FLOOR);
    return (cost * (endpoint.inFlight + 1)) / endpoint.weight;
  }
}

function medianOf(values: number[]): number {
  if (values.length === 0) return 0;
  values.sort((a, b) => a - b);
  const middle = values.length >> 1;
  return values.length % 2 === 1 ? values[middle]! : (values[middle - 1]! + values[middle]!) / 2;
}

export const LEAST_LATENCY: AlgorithmFactory = {
  algorithm: 'least-latency',
  create: (sources) => new LeastLatency(sources),
};
