import type { Algorithm, AlgorithmFactory, EndpointView, RequestView } from '../../contracts/algorithm.js';
import { RoundRobin } from './round-robin.js';

/** The candidate with the fewest requests in flight for its weight; round-robin among equals, so weights count at low load too. */
export class LeastConnections implements Algorithm {
  readonly name: string = 'least-connections';
  readonly #turn = new RoundRobin();
  readonly #equals: EndpointView[] = [];

  pick(candidates: readonly EndpointView[], request: RequestView): EndpointView | undefined {
    const equals = this.#equals;
    let count = 0;
    let least = Infinity;
    for (let i = 0; i < candidates.length; i++) {
      const candidate = candidates[i]!;
      // Division rounds equal ratios to the same number, so 1 of 3 and 2 of 6 are a tie.
      const load = candidate.inFlight / candidate.weight;
      if (load > least) continue;
      if (load < least) {
        least = load;
        count = 0;
      }
      equals[count++] = candidate;
    }
    if (count === 1) return equals[0];
    if (count === candidates.length) return this.#turn.pick(candidates, request);
    equals.length = count;
    return this.#turn.pick(equals, request);
  }

  onEndpoints(endpoints: readonly EndpointView[]): void {
    this.#turn.onEndpoints(endpoints);
    this.#equals.length = 0;
  }
}

export const LEAST_CONNECTIONS: AlgorithmFactory = {
  algorithm: 'least-connections',
  create: () => new LeastConnections(),
};
