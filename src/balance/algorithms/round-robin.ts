import type { Algorithm, AlgorithmFactory, EndpointView, RequestView } from '../../contracts/algorithm.js';

/** Credits are within 1.2 turns while nothing changes; what is beyond these was gained or paid at other weights, or with others. */
const MOST_TURNS = 2;

/**
 * Smooth weighted round-robin: every candidate gains its weight, the one with the most is chosen and pays what all gained. Weights 5, 1,
 * 1 give a a b a c a a and not five times `a` at once; equal weights give the plain cycle. Weights are read at each pick, so slow start
 * and changes take effect at once: nobody works off the credit of a weight of 100 when all are 1, or when the one of 100 has left.
 */
export class RoundRobin implements Algorithm {
  readonly name: string = 'round-robin';
  /** What each endpoint has gained and not yet paid, by its index. */
  #credit = new Float64Array(16);
  #known: (EndpointView | undefined)[] = [];

  pick(candidates: readonly EndpointView[], _request: RequestView): EndpointView | undefined {
    const credit = this.#credit;
    let best: EndpointView | undefined;
    let most = -Infinity;
    let least = Infinity;
    let total = 0;
    for (let i = 0; i < candidates.length; i++) {
      const candidate = candidates[i]!;
      const gained = credit[candidate.index]! + candidate.weight;
      credit[candidate.index] = gained;
      total += candidate.weight;
      if (gained < least) least = gained;
      if (gained > most) {
        most = gained;
        best = candidate;
      }
    }
    const bound = MOST_TURNS * total;
    if (most > bound || least < -bound) best = this.#settle(candidates, bound);
    if (best !== undefined) credit[best.index]! -= total;
    return best;
  }

  /** Waives what is beyond the bound; the candidate that has the most. */
  #settle(candidates: readonly EndpointView[], bound: number): EndpointView {
    const credit = this.#credit;
    let best = candidates[0]!;
    for (let i = 0; i < candidates.length; i++) {
      const candidate = candidates[i]!;
      credit[candidate.index] = Math.max(-bound, Math.min(bound, credit[candidate.index]!));
      if (credit[candidate.index]! > credit[best.index]!) best = candidate;
    }
    return best;
  }

  onEndpoints(endpoints: readonly EndpointView[]): void {
    let size = this.#credit.length;
    for (const endpoint of endpoints) while (endpoint.index >= size) size *= 2;
    const credit = new Float64Array(size);
    const known: (EndpointView | undefined)[] = [];
    for (const endpoint of endpoints) {
      const { index } = endpoint;
      known[index] = endpoint;
      if (this.#known[index] === endpoint) credit[index] = this.#credit[index]!;
    }
    this.#credit = credit;
    this.#known = known;
  }
}

export const ROUND_ROBIN: AlgorithmFactory = { algorithm: 'round-robin', create: () => new RoundRobin() };
