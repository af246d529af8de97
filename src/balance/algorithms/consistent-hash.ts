import type { Algorithm, AlgorithmFactory, EndpointView, RequestView, KeyBy } from '../../contracts/algorithm.js';
import { MultiserverError } from '../../errors.js';
import * as row from '../../util/option-rows.js';
import { parseShape } from '../../util/option-table.js';
import { hashOf } from '../../util/hash.js';
import { type KeyOf, keyOf } from './key.js';
import { guarded } from './own.js';
import { RoundRobin } from './round-robin.js';

export interface ConsistentHashOptions {
  /** Default: the client's address. Requests without a key take turns. */
  readonly key?: KeyBy;
  /** No endpoint gets more than this times its share of all requests in flight. Default 1.25; Infinity: no bound. */
  readonly load?: number;
}

/**
 * The same key goes to the same endpoint, at every balancer, with no table. Rendezvous hashing: each endpoint draws a number from the key
 * and its own id, the highest wins (scaled by weight, −weight ÷ ln u). An endpoint that comes wins 1/N of the keys, evenly from all
 * others; one that goes gives up its own and no others. Bounded load: whoever has more than 1.25 times its share of what is in flight is
 * left out, and the next highest wins.
 */
export class ConsistentHash implements Algorithm {
  readonly name: string = 'consistent-hash';
  readonly #keyOf: KeyOf;
  readonly #load: number;
  readonly #turn = new RoundRobin();
  /** Hash of each endpoint's id, by its index. */
  #seed = new Int32Array(16);

  constructor(options: ConsistentHashOptions = {}) {
    const { key, load } = parseShape(OPTIONS, options, invalid, 'consistentHash.');
    this.#keyOf = keyOf(key, 'consistentHash.key');
    this.#load = load;
  }

  pick(candidates: readonly EndpointView[], request: RequestView): EndpointView | undefined {
    const key = this.#keyOf(request);
    if (key === undefined) return this.#turn.pick(candidates, request);
    const hash = hashOf(key) | 0;
    let weights = 0;
    let inFlight = 1;
    for (let i = 0; i < candidates.length; i++) {
      weights += candidates[i]!.weight;
      inFlight += candidates[i]!.inFlight;
    }
    const bound = (this.#load * inFlight) / weights;
    let best: EndpointView | undefined;
    let highest = -1;
    for (let i = 0; i < candidates.length; i++) {
      const candidate = candidates[i]!;
      if (candidate.inFlight >= Math.ceil(bound * candidate.weight)) continue;
      const score = candidate.weight / -Math.log(uniform(hash ^ this.#seed[candidate.index]!));
      if (score > highest) {
        highest = score;
        best = candidate;
      }
    }
    return best;
  }

  onEndpoints(endpoints: readonly EndpointView[]): void {
    this.#turn.onEndpoints(endpoints);
    let size = this.#seed.length;
    for (const { index } of endpoints) while (index >= size) size *= 2;
    this.#seed = new Int32Array(size);
    for (const { id, index } of endpoints) this.#seed[index] = hashOf(id) | 0;
  }
}

const OPTIONS = {
  key: row.key<KeyBy>('ip', 'What goes to the same endpoint.'),
  load: row.above(1, 1.25, 'The most of its share that an endpoint gets; Infinity: no bound.', true),
} satisfies Record<keyof ConsistentHashOptions, unknown>;

const invalid = (message: string) => new MultiserverError('MS_INVALID_OPTION', message);

/** Mixes 32 bits (murmur3's finalizer) to a number between 0 and 1, both excluded. */
function uniform(bits: number): number {
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (((bits ^ (bits >>> 16)) >>> 0) + 0.5) / 4294967296;
}

export function consistentHash(options: ConsistentHashOptions = {}): AlgorithmFactory {
  const check = new ConsistentHash(options);
  return { algorithm: check.name, create: (_, report) => guarded(options.key, new ConsistentHash(options), report) };
}

export const CONSISTENT_HASH: AlgorithmFactory = consistentHash();
