import { EJECTED, type Endpoint, READY, STARTING } from './endpoint.js';

/**
 * Those of a pool's endpoints that may be chosen now, by priority: each is for when none of the priorities before it can take a request.
 * When no endpoint is ready, all ejected ones are used (panic), and those whose health is not known yet: a bad answer is likelier than
 * with a good one, but none at all would be certain.
 */
export class Candidates {
  /** At least one, and only a single one may be empty; frozen, since users' own algorithms get them. */
  #tiers: readonly (readonly Endpoint[])[] = [[]];
  /** Built anew where some are left out. */
  readonly #some: Endpoint[] = [];

  refresh(endpoints: readonly Endpoint[]): void {
    const ready = endpoints.filter(isReady);
    this.#tiers = byPriority(ready.length > 0 ? ready : endpoints.filter(isLastResort));
  }

  /** None: there is nobody at all. */
  get first(): readonly Endpoint[] {
    return this.#tiers[0]!;
  }

  /** Without those that are full and those that were tried. */
  able(tried: readonly Endpoint[] | null): readonly Endpoint[] {
    const tiers = this.#tiers;
    let candidates = this.#without(tiers[0]!, tried);
    for (let i = 1; candidates.length === 0 && i < tiers.length; i++) candidates = this.#without(tiers[i]!, tried);
    return candidates;
  }

  /** Whether this very one is among them and not full. */
  canTake(endpoint: Endpoint): boolean {
    return !isFull(endpoint) && this.#tiers.some((tier) => tier.includes(endpoint));
  }

  areFull(): boolean {
    return this.#tiers.every((tier) => tier.every(isFull));
  }

  #without(candidates: readonly Endpoint[], tried: readonly Endpoint[] | null): readonly Endpoint[] {
    const some = this.#some;
    let count = 0;
    for (let i = 0; i < candidates.length; i++) {
      const candidate = candidates[i]!;
      if (isFull(candidate) || (tried !== null && tried.includes(candidate))) continue;
      some[count++] = candidate;
    }
    if (count === candidates.length) return candidates;
    some.length = count;
    return some;
  }
}

function byPriority(endpoints: readonly Endpoint[]): (readonly Endpoint[])[] {
  const priorities = [...new Set(endpoints.map(({ priority }) => priority))].sort((a, b) => a - b);
  if (priorities.length < 2) return [Object.freeze(endpoints)];
  return priorities.map((wanted) => Object.freeze(endpoints.filter(({ priority }) => priority === wanted)));
}

function isReady({ stateCode }: Endpoint): boolean {
  return stateCode === READY;
}

function isLastResort({ stateCode, up, refused }: Endpoint): boolean {
  return stateCode === STARTING ? up : stateCode === EJECTED && !refused;
}

function isFull({ inFlight, longLived, limit }: Endpoint): boolean {
  return inFlight - longLived >= limit;
}
