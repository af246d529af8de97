import type {
  Algorithm,
  AlgorithmFactory,
  AlgorithmLike,
  EndpointView,
  Outcome,
  ReportProblem,
  RequestView,
  Sources,
  KeyBy,
} from '../../contracts/algorithm.js';
import { MultiserverError } from '../../errors.js';
import { algorithm } from '../../options/pool.js';
import * as row from '../../util/option-rows.js';
import { parseShape } from '../../util/option-table.js';
import { keyOf } from './key.js';
import { guarded } from './own.js';
import { resolveAlgorithm } from './resolve.js';
import { ROUND_ROBIN } from './round-robin.js';
import { CookieStickiness, STICKY_COOKIE, type StickyCookieOptions } from './sticky-cookie.js';
import { TableStickiness } from './sticky-table.js';

export interface StickySessionOptions extends StickyCookieOptions {
  /** Chooses for clients that have no endpoint yet, or whose endpoint cannot take the request. Default ROUND_ROBIN. */
  readonly over?: AlgorithmLike;
  /**
   * How a client is known again. Default `'cookie'`, the balancer's own signed one. `'sid'`: Engine.IO sessions, by the client's address
   * until the session has an id. All but `'cookie'` are remembered in a table of this process.
   */
  readonly by?: 'cookie' | KeyBy;
  /** Clients remembered at once when `by` is not `'cookie'`; those that were away longest are forgotten first. Default 100 000. */
  readonly tableSize?: number;
}

/** Knows clients again. */
export interface Stickiness {
  /** The candidate the client was sent to before, if it is among them. */
  find(candidates: readonly EndpointView[], request: RequestView): EndpointView | undefined;
  /** Another one was chosen. */
  remember(endpoint: EndpointView, request: RequestView): void;
  onEndpoints(endpoints: readonly EndpointView[]): void;
  onReply(endpoint: EndpointView, request: RequestView): string | undefined;
}

/**
 * Sends a client to the endpoint that served it before, as long as that is a candidate; else another algorithm chooses. Stickiness is a
 * preference: an endpoint that is gone, ejected, draining or full costs the client nothing but its place.
 */
export class StickySession implements Algorithm {
  readonly name: string = 'sticky-session';
  readonly #over: Algorithm;
  readonly #stickiness: Stickiness;

  constructor(over: Algorithm, stickiness: Stickiness) {
    this.#over = over;
    this.#stickiness = stickiness;
  }

  pick(candidates: readonly EndpointView[], request: RequestView): EndpointView | undefined {
    const known = this.#stickiness.find(candidates, request);
    if (known !== undefined) return known;
    const chosen = this.#over.pick(candidates, request);
    if (chosen !== undefined) this.#stickiness.remember(chosen, request);
    return chosen;
  }

  onEndpoints(endpoints: readonly EndpointView[]): void {
    this.#stickiness.onEndpoints(endpoints);
    this.#over.onEndpoints?.(endpoints);
  }

  onResult(endpoint: EndpointView, outcome: Outcome): void {
    this.#over.onResult?.(endpoint, outcome);
  }

  onReply(endpoint: EndpointView, request: RequestView): string | undefined {
    return this.#stickiness.onReply(endpoint, request);
  }
}

const OPTIONS = {
  ...STICKY_COOKIE,
  over: algorithm,
  by: row.key<'cookie' | KeyBy>('cookie', 'How a client is known again.', undefined, ['cookie']),
  tableSize: row.integer(100_000, 1, 100_000_000, "Clients remembered at once when `by` is not 'cookie'."),
} satisfies Record<keyof StickySessionOptions, unknown>;

const invalid = (message: string) => new MultiserverError('MS_INVALID_OPTION', message);

export function stickySession(options: StickySessionOptions = {}): AlgorithmFactory {
  // Made here and not in create(): wrong options must fail at once, and a random secret must survive a change of algorithm and back.
  const { by, over = ROUND_ROBIN, tableSize } = parseShape(OPTIONS, options, invalid, 'stickySession.');
  const cookie = by === 'cookie' ? new CookieStickiness(options) : null;
  const key = by === 'cookie' ? null : keyOf(by, 'stickySession.by');
  const earlier = by === 'sid' ? keyOf('ip', '') : null;
  return {
    algorithm: 'sticky-session',
    create: (sources: Sources, report: ReportProblem, pool: string) =>
      guarded(
        by,
        new StickySession(
          resolveAlgorithm(over, sources, report, pool),
          cookie?.forPool(pool) ?? new TableStickiness(key!, earlier, tableSize),
        ),
        report,
      ),
  };
}

export const STICKY_SESSION: AlgorithmFactory = stickySession();
