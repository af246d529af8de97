import type { Algorithm, AlgorithmFactory, EndpointView, RequestView, Sources } from '../../contracts/algorithm.js';
import { drawTwo } from './random.js';

/**
 * Of two random candidates the one with fewer requests in flight for its weight. Nearly as even as the full scan of least-connections,
 * and without its herd: several balancers that see the same numbers do not all choose the same endpoint.
 */
export class PowerOfTwo implements Algorithm {
  readonly name: string = 'power-of-two';
  readonly #sources: Sources;
  readonly #two: EndpointView[] = [];

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  pick(candidates: readonly EndpointView[], _request: RequestView): EndpointView | undefined {
    const two = this.#two;
    if (candidates.length < 2) return candidates[0];
    drawTwo(candidates, this.#sources, two);
    const one = two[0]!;
    const other = two[1]!;
    return other.inFlight * one.weight < one.inFlight * other.weight ? other : one;
  }
}

export const POWER_OF_TWO: AlgorithmFactory = {
  algorithm: 'power-of-two',
  create: (sources) => new PowerOfTwo(sources),
};
