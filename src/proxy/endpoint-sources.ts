import { describeListed } from '../balance/endpoint-url.js';
import type { Endpoints } from '../balance/endpoints.js';
import type { DiscoveredEndpoint, Discovery } from '../contracts/discovery.js';
import { MultiserverError } from '../errors.js';
import type { EndpointSource } from '../option-types.js';
import { discoveryByUrl } from '../upstream/discovery/by-url.js';
import { staticDiscovery } from '../upstream/discovery/static.js';

/** By what it is known again: what is the same is not begun anew. */
type Key = string | Discovery;

/** The option `endpoints` of a pool: what it names is there, also after it was changed. */
export class EndpointSources {
  readonly #endpoints: Endpoints;
  readonly #running = new Map<Key, Discovery>();
  /** Resolves when all have told their first set, or have failed to. */
  ready: Promise<unknown> = Promise.resolve();

  constructor(endpoints: Endpoints) {
    this.#endpoints = endpoints;
  }

  configure(sources: ReadonlyMap<Key, Discovery>): void {
    // What is new comes first: an endpoint that is in both never leaves.
    for (const [key, discovery] of sources) {
      if (this.#running.has(key)) continue;
      this.#running.set(key, discovery);
      this.ready = Promise.all([this.ready, this.#endpoints.discover(discovery)]);
    }
    for (const [key, discovery] of this.#running) {
      if (sources.has(key)) continue;
      this.#running.delete(key);
      this.#endpoints.stopDiscovery(discovery);
    }
  }
}

/** @throws MultiserverError MS_INVALID_OPTION */
export function parseSources(endpoints: readonly EndpointSource[]): Map<Key, Discovery> {
  const sources = new Map<Key, Discovery>();
  const fixed: DiscoveredEndpoint[] = [];
  for (const entry of endpoints) {
    if (typeof entry === 'object' && 'start' in entry) sources.set(entry, entry);
    else if (typeof entry === 'object') fixed.push(entry);
    else {
      const discovery = discoveryByUrl(entry);
      if (discovery === undefined) fixed.push({ url: entry });
      else sources.set(entry, discovery);
    }
  }
  const ids = new Set<string>();
  for (const endpoint of fixed) {
    const { id } = describeListed(endpoint);
    if (ids.has(id)) throw new MultiserverError('MS_INVALID_OPTION', `The endpoint ${id} is named twice.`);
    ids.add(id);
  }
  if (fixed.length > 0) sources.set(JSON.stringify(fixed), staticDiscovery(fixed));
  return sources;
}
