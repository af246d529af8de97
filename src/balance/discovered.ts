import type { DiscoveredEndpoint, Discovery } from '../contracts/discovery.js';
import { MultiserverError } from '../errors.js';
import type { Endpoint } from './endpoint.js';
import { describe } from './endpoint-url.js';
import type { Endpoints } from './endpoints.js';
import type { Pool } from './pool.js';

type Found = ReadonlyMap<string, DiscoveredEndpoint>;

/** One discovery and the last good set of it. */
interface Source {
  found: Found;
  /** Why it failed the last time: told once, until it is found again or fails for another reason. */
  failing: string;
  /** The last time a part of it was: told once, until it changes. */
  missing: string;
}

interface Own {
  readonly endpoint: Endpoint;
  /** As it was found; by hand it may have been given another. */
  weight: number;
}

/**
 * Keeps a pool's endpoints in step with what discoveries find. Each keeps its last good set; an endpoint is there as long as any of them
 * names it. Endpoints that were added by hand are left alone.
 */
export class DiscoveredEndpoints {
  readonly #endpoints: Endpoints;
  readonly #pool: Pool;
  readonly #onProblem: (message: string, error?: unknown) => void;
  readonly #sources = new Map<Discovery, Source>();
  readonly #own = new Map<string, Own>();

  constructor(endpoints: Endpoints, pool: Pool, onProblem: (message: string, error?: unknown) => void) {
    this.#endpoints = endpoints;
    this.#pool = pool;
    this.#onProblem = onProblem;
  }

  /** Resolves when it has found its first set, or has failed to. */
  start(discovery: Discovery): Promise<void> {
    const source: Source = { found: new Map(), failing: '', missing: '' };
    this.#sources.set(discovery, source);
    return new Promise((resolve) => {
      const onProblem = (error: unknown): void => {
        this.#fail(discovery, source, asError(error));
        resolve();
      };
      const onChange = (set: readonly DiscoveredEndpoint[], missing?: Error): void => {
        this.#onChange(discovery, source, set, missing);
        resolve();
      };
      guarded(() => discovery.start(onChange, onProblem), onProblem);
    });
  }

  /** Its endpoints leave, as if they had been removed. */
  stop(discovery: Discovery): void {
    if (!this.#sources.delete(discovery)) return;
    this.#stop(discovery);
    this.#apply(`${discovery.name} is not asked any more`, true);
  }

  /** Stops them all; the endpoints stay. */
  close(): void {
    for (const discovery of this.#sources.keys()) this.#stop(discovery);
    this.#sources.clear();
  }

  #stop(discovery: Discovery): void {
    guarded(
      () => discovery.stop(),
      (error) => this.#onProblem(`${discovery.name} could not be stopped: ${asError(error).message}.`, error),
    );
  }

  #onChange(discovery: Discovery, source: Source, set: readonly DiscoveredEndpoint[], missing?: Error): void {
    try {
      if (set.length === 0) throw new MultiserverError('MS_INVALID_OPTION', 'it names no endpoint');
      source.found = new Map(
        set.map((found) => [describe(found.url, { weight: found.weight, priority: found.priority }).id, found]),
      );
    } catch (error) {
      this.#fail(discovery, source, error as Error);
      return;
    }
    source.failing = '';
    const why = missing?.message ?? '';
    if (why !== '' && why !== source.missing)
      this.#onProblem(`Not all endpoints of ${discovery.name} could be found: ${why}.`, missing);
    source.missing = why;
    this.#apply(`${discovery.name} does not name it any more`);
  }

  #fail(discovery: Discovery, source: Source, error: Error): void {
    if (source.failing === error.message) return;
    source.failing = error.message;
    source.missing = '';
    const { size } = source.found;
    const kept = size === 0 ? 'there are none yet' : `the last ${size} are kept`;
    this.#onProblem(`Endpoints of ${discovery.name} could not be found (${error.message}); ${kept}.`, error);
  }

  #apply(reason: string, byHand = false): void {
    const wanted = new Map([...this.#sources.values()].flatMap(({ found }) => [...found]));
    for (const [id, own] of this.#own) {
      const { endpoint } = own;
      const found = wanted.get(id);
      const weight = found?.weight ?? 1;
      // What has gone or was removed by hand comes back while it is found.
      if (endpoint.state === 'gone' || endpoint.leaving) this.#own.delete(id);
      else if (found === undefined || (found.priority ?? 0) !== endpoint.priority) {
        this.#own.delete(id);
        if (byHand) this.#pool.forget(id);
        this.#pool.remove(endpoint, reason);
      } else if (weight !== own.weight) {
        own.weight = weight;
        this.#pool.setWeight(endpoint, weight, false);
      }
    }
    for (const [id, { weight = 1, priority }] of wanted) {
      if (this.#endpoints.has(id)) continue;
      this.#own.set(id, { endpoint: this.#endpoints.add(id, { weight, priority }), weight });
    }
  }
}

/** For what is maybe the user's own, and asynchronous though its type is not. */
function guarded(call: () => unknown, onError: (error: unknown) => void): void {
  try {
    const result = call();
    if (result instanceof Promise) result.catch(onError);
  } catch (error) {
    onError(error);
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
