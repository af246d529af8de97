import type { EndpointView, RequestView } from '../../contracts/algorithm.js';
import { hashOf } from '../../util/hash.js';
import { RecentMap } from '../../util/recent-map.js';
import type { KeyOf } from './key.js';
import type { Stickiness } from './sticky-session.js';

/**
 * Remembers which endpoint (by id, which survives a worker's restart) each key was sent to. A new client always finds a place; those that
 * were away longest lose theirs. Keys are kept as hashes: clients can make them as long as they like.
 */
export class TableStickiness implements Stickiness {
  readonly #keyOf: KeyOf;
  /** A key by which the client was known before it had one of the first kind. */
  readonly #earlierKeyOf: KeyOf | null;
  readonly #ids: RecentMap<number, string>;

  constructor(key: KeyOf, earlierKey: KeyOf | null, size: number) {
    this.#keyOf = key;
    this.#earlierKeyOf = earlierKey;
    this.#ids = new RecentMap(size);
  }

  find(candidates: readonly EndpointView[], request: RequestView): EndpointView | undefined {
    const key = this.#keyOf(request);
    let id = key === undefined ? undefined : this.#ids.get(hashOf(key));
    if (id === undefined && this.#earlierKeyOf !== null) {
      const earlier = this.#earlierKeyOf(request);
      id = earlier === undefined ? undefined : this.#ids.get(hashOf(earlier));
      if (id !== undefined && key !== undefined) this.#ids.set(hashOf(key), id);
    }
    if (id === undefined) return undefined;
    for (let i = 0; i < candidates.length; i++) if (candidates[i]!.id === id) return candidates[i];
    return undefined;
  }

  remember(endpoint: EndpointView, request: RequestView): void {
    const key = this.#keyOf(request) ?? this.#earlierKeyOf?.(request);
    if (key !== undefined) this.#ids.set(hashOf(key), endpoint.id);
  }

  /** Ids are looked up among the candidates: nothing is kept of endpoints. */
  onEndpoints(): void {}

  onReply(): undefined {
    return undefined;
  }
}
