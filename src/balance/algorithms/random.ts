import type { Algorithm, AlgorithmFactory, EndpointView, RequestView, Sources } from '../../contracts/algorithm.js';

/** Each candidate with a probability in proportion to its weight. */
export class Random implements Algorithm {
  readonly name: string = 'random';
  readonly #sources: Sources;

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  pick(candidates: readonly EndpointView[], _request: RequestView): EndpointView | undefined {
    return draw(candidates, this.#sources);
  }
}

/** The number is drawn here: passed to a function, it would be put on the heap. */
export function draw(candidates: readonly EndpointView[], sources: Sources): EndpointView | undefined {
  let left = sources.random() * totalOf(candidates);
  for (let i = 0; i < candidates.length; i++) {
    left -= candidates[i]!.weight;
    if (left < 0) return candidates[i];
  }
  // Only rounding leads here.
  return candidates[candidates.length - 1];
}

/**
 * Two different candidates of at least two, into `two`. By one number: where in the first one's part it falls is as random as the number
 * itself, and says where in the rest the second one is.
 */
export function drawTwo(candidates: readonly EndpointView[], sources: Sources, two: EndpointView[]): void {
  const total = totalOf(candidates);
  const last = candidates.length - 1;
  let left = sources.random() * total;
  let first = 0;
  for (; first < last && left >= candidates[first]!.weight; first++) left -= candidates[first]!.weight;
  const { weight } = candidates[first]!;
  left = (left / weight) * (total - weight);
  let second = first === 0 ? 1 : 0;
  for (let i = second; i <= last && left >= 0; i++) {
    if (i === first) continue;
    second = i;
    left -= candidates[i]!.weight;
  }
  two[0] = candidates[first]!;
  two[1] = candidates[second]!;
}

function totalOf(candidates: readonly EndpointView[]): number {
  let total = 0;
  for (let i = 0; i < candidates.length; i++) total += candidates[i]!.weight;
  return total;
}

export const RANDOM: AlgorithmFactory = { algorithm: 'random', create: (sources) => new Random(sources) };
