import type { Algorithm, AlgorithmFactory, EndpointView, RequestView, Sources } from '../../contracts/algorithm.js';

/** Each candidate with a probability in proportion to its weight. */
export class Random implements Algorithm {
  readonly name: string = 'random';
  readonly #sources: Sources;

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  pick(candidates: readonly EndpointView[], _request: RequestView): EndpointView | undefined {
    return draw(candidates, null, this.#sources);
  }
}

/** A candidate other than `except`. The number is drawn here: passed to a function, it would be put on the heap. */
export function draw(
  candidates: readonly EndpointView[],
  except: EndpointView | null,
  sources: Sources,
): EndpointView | undefined {
  let total = 0;
  for (let i = 0; i < candidates.length; i++) total += candidates[i]!.weight;
  if (except !== null) total -= except.weight;
  let left = sources.random() * total;
  let last: EndpointView | undefined;
  for (let i = 0; i < candidates.length; i++) {
    const candidate = candidates[i]!;
    if (candidate === except) continue;
    left -= candidate.weight;
    if (left < 0) return candidate;
    last = candidate;
  }
  // Only rounding leads here.
  return last;
}

export const RANDOM: AlgorithmFactory = { algorithm: 'random', create: (sources) => new Random(sources) };
