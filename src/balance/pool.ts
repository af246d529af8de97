import type { Algorithm, AlgorithmLike, Outcome, RequestView, Sources } from '../contracts/algorithm.js';
import { resolveAlgorithm } from './algorithms/resolve.js';
import { ROUND_ROBIN } from './algorithms/round-robin.js';
import { Candidates } from './candidates.js';
import {
  DRAINING,
  EJECTED,
  type Endpoint,
  type EndpointState,
  GONE,
  MAINTENANCE,
  READY,
  STARTING,
} from './endpoint.js';
import {
  countBeginning,
  countOutcome,
  DEFAULT_HEALTH,
  mayEject,
  type PassiveHealthOptions,
  startEjection,
} from './health/passive.js';
import { ramp, RAMP_STEPS, startsSlowly, stretch } from './health/slow-start.js';

export interface PoolOptions {
  readonly name?: string;
  readonly algorithm?: AlgorithmLike;
  readonly health?: PassiveHealthOptions;
  /** Milliseconds in which the weight of an endpoint that joins a working pool grows from 10 % to 100 %; 0: at once. */
  readonly slowStart?: number;
  /** Requests that one endpoint may have in flight, long-lived ones apart. */
  readonly maxConcurrent?: number;
  /** Tunnels and event streams at all endpoints together. */
  readonly maxLongLived?: number;
  /** What health checks say of an endpoint; undefined: nothing yet. Without it all are thought well of. */
  readonly verdictOn?: (endpoint: Endpoint) => boolean | undefined;
  /** Called once an endpoint is in the pool. */
  readonly onAdd?: (endpoint: Endpoint) => void;
  /** Called once for each change of state. */
  readonly onChange?: (endpoint: Endpoint, from: EndpointState, to: EndpointState, reason: string) => void;
  /** Whether an own worker will come or come back: worth waiting for when nobody else is there. */
  readonly isExpecting?: () => boolean;
  /** Told of faults of the user's own algorithm. */
  readonly onProblem?: (message: string, error?: unknown) => void;
}

/**
 * The endpoints that share one kind of traffic, their states, and the choice among them.
 *
 *     starting ──► ready ⇄ ejected          maintenance: by hand, from any state and back
 *                    │ └──────┐
 *                    ▼        ▼
 *                 draining ─► gone          remove(): gone once the last request has ended
 */
export class Pool {
  readonly name: string;
  readonly #endpoints: Endpoint[] = [];
  /** Requests in flight at all endpoints. */
  inFlight = 0;
  /** Tunnels and event streams among them. */
  longLived = 0;
  #algorithm: Algorithm;
  readonly #sources: Sources;
  #health: PassiveHealthOptions;
  #slowStart: number;
  #maxConcurrent: number;
  #maxLongLived: number;
  readonly #verdictOn: NonNullable<PoolOptions['verdictOn']>;
  readonly #onAdd: NonNullable<PoolOptions['onAdd']>;
  readonly #onChange: NonNullable<PoolOptions['onChange']>;
  readonly #isExpecting: NonNullable<PoolOptions['isExpecting']>;
  readonly #onProblem: NonNullable<PoolOptions['onProblem']>;
  readonly #candidates = new Candidates();
  #changed = true;
  #membersChanged = true;
  /** When an ejection ends or a weight grows next. */
  #nextCheck = Infinity;
  /** What was set by hand holds for the id: for whom comes back under it too, be it a worker or one that is found again. */
  readonly #held = new Set<string>();
  readonly #weights = new Map<string, number>();

  constructor(options: PoolOptions, sources: Sources) {
    this.name = options.name ?? 'default';
    this.#sources = sources;
    this.#health = options.health ?? DEFAULT_HEALTH;
    this.#slowStart = options.slowStart ?? 0;
    this.#maxConcurrent = options.maxConcurrent ?? Infinity;
    this.#maxLongLived = options.maxLongLived ?? Infinity;
    this.#verdictOn = options.verdictOn ?? thinkWell;
    this.#onAdd = options.onAdd ?? ignore;
    this.#onChange = options.onChange ?? ignore;
    this.#isExpecting = options.isExpecting ?? (() => false);
    this.#onProblem = options.onProblem ?? ignore;
    this.#algorithm = resolveAlgorithm(options.algorithm ?? ROUND_ROBIN, sources, this.#onProblem, this.name);
  }

  get endpoints(): readonly Endpoint[] {
    return this.#endpoints;
  }

  get algorithm(): Algorithm {
    return this.#algorithm;
  }

  /** Makes another algorithm, which may throw if it is the user's own; it chooses once the returned function is called. */
  prepareAlgorithm(like: AlgorithmLike): () => void {
    const algorithm = resolveAlgorithm(like, this.#sources, this.#onProblem, this.name);
    return () => {
      this.#algorithm = algorithm;
      this.#membersChanged = true;
      this.#changed = true;
    };
  }

  /** Live change of the limits; what is in flight stays. */
  configure(options: Pick<PoolOptions, 'health' | 'slowStart' | 'maxConcurrent' | 'maxLongLived'>): void {
    const now = this.#sources.now();
    this.#health = options.health ?? this.#health;
    const before = this.#slowStart;
    this.#slowStart = options.slowStart ?? before;
    this.#maxConcurrent = options.maxConcurrent ?? this.#maxConcurrent;
    this.#maxLongLived = options.maxLongLived ?? this.#maxLongLived;
    for (const endpoint of this.#endpoints) {
      stretch(endpoint, before, this.#slowStart, now);
      ramp(endpoint, this.#slowStart, this.#maxConcurrent, now);
    }
    this.#schedule(now);
  }

  // ---- the choice

  /** The endpoint for a request. `tried` are left out, as are those that are full. */
  pick(request: RequestView, tried: readonly Endpoint[] | null): Endpoint | undefined {
    if (this.#nextCheck !== Infinity) this.advance();
    if (this.#changed) this.#refresh();
    const all = tried === null && this.#maxConcurrent === Infinity;
    const candidates = all ? this.#candidates.first : this.#candidates.able(tried);
    if (candidates.length === 0) return undefined;
    return this.#algorithm.pick(candidates, request) as Endpoint | undefined;
  }

  /** Whether this very one may take one more request. */
  canTake(endpoint: Endpoint): boolean {
    if (this.#changed) this.#refresh();
    return this.#candidates.canTake(endpoint);
  }

  /** Whether any endpoint may take one more request. */
  hasRoom(): boolean {
    if (this.#nextCheck !== Infinity) this.advance();
    if (this.#changed) this.#refresh();
    // Nobody to wait for: better an answer at once than a full queue.
    if (this.#candidates.first.length === 0) return !this.expecting;
    return this.#maxConcurrent === Infinity || !this.#candidates.areFull();
  }

  /** An own worker will come: worth waiting for when nobody else is there. */
  get expecting(): boolean {
    return this.#isExpecting() || this.#endpoints.some(isDown);
  }

  /** The value of a `Set-Cookie` field for the endpoint's answer, if the algorithm wants one. */
  replyCookie(endpoint: Endpoint, request: RequestView): string | undefined {
    return endpoint.stateCode === GONE ? undefined : this.#algorithm.onReply?.(endpoint, request);
  }

  // ---- the ledger

  begin(endpoint: Endpoint): void {
    endpoint.inFlight++;
    endpoint.requests++;
    this.inFlight++;
  }

  /** Whether one more tunnel or event stream may begin. */
  hasRoomForLongLived(): boolean {
    return this.longLived < this.#maxLongLived;
  }

  /** A request in flight turned out to be a tunnel or an event stream: its outcome must say `longLived` too. */
  becomeLongLived(endpoint: Endpoint, status: number): void {
    endpoint.longLived++;
    this.longLived++;
    countBeginning(endpoint, status, this.#health);
  }

  /** An attempt has ended. `refused`: the connection was refused, which is certain news about an own worker. */
  finish(endpoint: Endpoint, outcome: Outcome, refused = false): void {
    endpoint.inFlight--;
    this.inFlight--;
    if (outcome.longLived) {
      endpoint.longLived--;
      this.longLived--;
    }
    const bad = countOutcome(endpoint, outcome, this.#health);
    // Its index may already be another's.
    if (endpoint.stateCode !== GONE) this.#algorithm.onResult?.(endpoint, outcome);
    if (refused && endpoint.worker) {
      if (endpoint.stateCode === READY) this.#eject(endpoint, true, 'its connection was refused');
    } else if (bad && mayEject(endpoint, this.#endpoints)) {
      this.#eject(endpoint, false, `${endpoint.consecutiveFailures} failures in a row`);
    }
    if (endpoint.leaving && endpoint.inFlight === 0) this.gone(endpoint, 'drained');
  }

  // ---- states

  /** Takes it in; `state` READY when it can take requests at once. */
  add(endpoint: Endpoint, state: number = STARTING): void {
    endpoint.index = this.#freeIndex();
    endpoint.pool = this.name;
    endpoint.stateCode = STARTING;
    endpoint.up = false;
    endpoint.limit = this.#maxConcurrent;
    endpoint.fullWeight = this.#weights.get(endpoint.id) ?? endpoint.fullWeight;
    endpoint.weight = endpoint.fullWeight;
    this.#endpoints.push(endpoint);
    this.#membersChanged = true;
    this.#changed = true;
    if (state === READY) this.ready(endpoint, 'added');
    else this.#move(endpoint, state, 'added');
    this.#onAdd(endpoint);
  }

  /** It can take requests: started, or known to be good again. Nothing happens to one that drains or is in maintenance. */
  ready(endpoint: Endpoint, reason = 'ready'): void {
    endpoint.up = true;
    if (endpoint.stateCode !== STARTING && endpoint.stateCode !== EJECTED) return;
    if (this.#held.has(endpoint.id)) return this.#move(endpoint, MAINTENANCE, 'still in maintenance');
    this.#enter(endpoint, reason);
  }

  /** Its health checks say something else than before. */
  checked(endpoint: Endpoint, good: boolean, reason: string): void {
    const { stateCode } = endpoint;
    if (stateCode !== STARTING && stateCode !== READY && stateCode !== EJECTED) return;
    if (!good) this.#distrust(endpoint, reason);
    else if (endpoint.up && (stateCode === STARTING || endpoint.ejectedUntil === Infinity))
      this.ready(endpoint, reason);
  }

  #distrust(endpoint: Endpoint, reason: string): void {
    endpoint.ejectedUntil = Infinity;
    this.#move(endpoint, EJECTED, reason);
    this.#schedule(this.#sources.now());
  }

  #enter(endpoint: Endpoint, reason: string): void {
    const verdict = this.#verdictOn(endpoint);
    if (verdict === false) return this.#distrust(endpoint, 'its health check fails');
    if (verdict === undefined) return this.#move(endpoint, STARTING, 'its health is not known yet');
    const now = this.#sources.now();
    endpoint.readySince = now;
    endpoint.consecutiveFailures = 0;
    endpoint.refused = false;
    endpoint.rampUntil = startsSlowly(endpoint, this.#endpoints, this.#slowStart, now) ? now + this.#slowStart : 0;
    ramp(endpoint, this.#slowStart, this.#maxConcurrent, now);
    this.#move(endpoint, READY, reason);
    this.#schedule(now);
  }

  /** It cannot take requests for now and will come back by `ready`. */
  down(endpoint: Endpoint, reason = 'down'): void {
    endpoint.up = false;
    if (endpoint.stateCode === READY || endpoint.stateCode === EJECTED) this.#move(endpoint, STARTING, reason);
  }

  /** `byHand`: for all that will have its id. */
  setWeight(endpoint: Endpoint, weight: number, byHand: boolean): void {
    if (byHand) this.#weights.set(endpoint.id, weight);
    else this.#weights.delete(endpoint.id);
    endpoint.fullWeight = weight;
    ramp(endpoint, this.#slowStart, this.#maxConcurrent, this.#sources.now());
    this.#membersChanged = true;
    this.#changed = true;
  }

  /** No new requests; those in flight end in peace. */
  drain(endpoint: Endpoint, reason = 'draining'): void {
    if (endpoint.stateCode !== GONE) this.#move(endpoint, DRAINING, reason);
  }

  maintenance(endpoint: Endpoint, reason = 'by hand'): void {
    if (endpoint.stateCode === GONE || endpoint.leaving) return;
    this.#held.add(endpoint.id);
    this.#move(endpoint, MAINTENANCE, reason);
  }

  /** Maintenance of one that is not there yet. */
  hold(id: string): void {
    this.#held.add(id);
  }

  /** Ends it. */
  release(id: string): void {
    this.#held.delete(id);
  }

  /** Ends maintenance or draining. */
  resume(endpoint: Endpoint, reason = 'by hand'): void {
    this.#held.delete(endpoint.id);
    if (endpoint.leaving || (endpoint.stateCode !== MAINTENANCE && endpoint.stateCode !== DRAINING)) return;
    if (endpoint.up) this.#enter(endpoint, reason);
    else this.#move(endpoint, STARTING, reason);
  }

  /** Weight and maintenance set by hand do not wait for its return. */
  forget(id: string): void {
    this.#held.delete(id);
    this.#weights.delete(id);
  }

  /** Drains it; gone when its last request has ended. */
  remove(endpoint: Endpoint, reason = 'removed'): void {
    if (endpoint.stateCode === GONE) return;
    endpoint.leaving = true;
    if (endpoint.inFlight === 0) this.gone(endpoint, reason);
    else this.drain(endpoint, reason);
  }

  /** Out of the pool at once. Attempts still in flight are to be finished as usual. */
  gone(endpoint: Endpoint, reason = 'gone'): void {
    const at = this.#endpoints.indexOf(endpoint);
    if (at < 0) return;
    this.#endpoints.splice(at, 1);
    this.#membersChanged = true;
    endpoint.leaving = false;
    this.#move(endpoint, GONE, reason);
  }

  /** Ends ejections and lets weights grow, as far as the clock says. Each pick does it too; call it now and then when there are none. */
  advance(): void {
    const now = this.#sources.now();
    if (now < this.#nextCheck) return;
    for (const endpoint of this.#endpoints) {
      if (endpoint.stateCode === EJECTED && endpoint.ejectedUntil <= now) this.ready(endpoint, 'ejection is over');
      else ramp(endpoint, this.#slowStart, this.#maxConcurrent, now);
    }
    this.#schedule(now);
  }

  #eject(endpoint: Endpoint, refused: boolean, reason: string): void {
    const now = this.#sources.now();
    const time = startEjection(endpoint, this.#health, now, refused);
    endpoint.refused = refused;
    this.#move(endpoint, EJECTED, `${reason}; back in ${time < 1000 ? `${time} ms` : `${Math.round(time / 1000)} s`}`);
    this.#schedule(now);
  }

  #move(endpoint: Endpoint, to: number, reason: string): void {
    const from = endpoint.state;
    if (endpoint.stateCode === to) return;
    endpoint.stateCode = to;
    this.#changed = true;
    this.#onChange(endpoint, from, endpoint.state, reason);
  }

  #schedule(now: number): void {
    let next = Infinity;
    for (const endpoint of this.#endpoints) {
      if (endpoint.stateCode === EJECTED) next = Math.min(next, endpoint.ejectedUntil);
      else if (endpoint.rampUntil > 0) next = Math.min(next, now + this.#slowStart / RAMP_STEPS, endpoint.rampUntil);
    }
    this.#nextCheck = next;
  }

  #refresh(): void {
    this.#changed = false;
    this.#candidates.refresh(this.#endpoints);
    if (!this.#membersChanged) return;
    this.#membersChanged = false;
    this.#algorithm.onEndpoints?.(Object.freeze(this.#endpoints.slice()));
  }

  #freeIndex(): number {
    let index = 0;
    while (this.#endpoints.some((endpoint) => endpoint.index === index)) index++;
    return index;
  }
}

/** An own worker that does not listen: it has ended, which will be known in a moment, or it is about to listen again. */
function isDown({ stateCode, refused }: Endpoint): boolean {
  return stateCode === EJECTED && refused;
}

function ignore(): void {}

function thinkWell(): boolean {
  return true;
}
