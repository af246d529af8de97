import type { Algorithm, AlgorithmFactory, EndpointView, RequestView, Sources } from '../../contracts/algorithm.js';
import { draw } from './random.js';

/**
 * Of two random candidates the one with fewer requests in flight for its weight. Nearly as even as the full scan of least-connections,
 * and without its herd: several balancers that see the same numbers do not all choose the same endpoint.
 */
export class PowerOfTwo implements Algorithm {
  readonly name: string = 'power-of-two';
  readonly #sources: Sources;

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  pick(candidates: readonly EndpointView[], _request: RequestView): EndpointView | undefined {
    const one = draw(candidates, null, this.#sources);
    if (one === undefined || candidates.length === 1) return one;
    const other = draw(candidates, one, this.#sources)!;
    return other.inFlight * one.weight < one.inFlight * other.weight ? other : one;
  }
}

export const POWER_OF_TWO: AlgorithmFactory = {
  algorithm: 'power-of-two',
  create: (sources) => new PowerOfTwo(sources),
};
