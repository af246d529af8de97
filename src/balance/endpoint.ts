import type { EndpointView } from '../contracts/algorithm.js';
import type { EndpointTls } from '../option-types.js';

export const STARTING = 0;
export const READY = 1;
export const EJECTED = 2;
export const DRAINING = 3;
export const GONE = 4;
export const MAINTENANCE = 5;

const STATE_NAMES = ['starting', 'ready', 'ejected', 'draining', 'gone', 'maintenance'] as const;
export type EndpointState = (typeof STATE_NAMES)[number];

/** Where an endpoint listens: a TCP address or a Unix socket. */
export interface Address {
  readonly host: string;
  readonly port: number;
  /** Path of the Unix socket; empty for TCP. */
  readonly path: string;
  readonly secure: boolean;
}

/**
 * One server that can take a request. Plain data: the pool moves its state, the proxy counts, the way out keeps its connections in
 * `connections`; algorithms see it as {@link EndpointView}.
 */
export class Endpoint implements EndpointView {
  readonly id: string;
  readonly url: string;
  readonly address: Address;
  /** Its own name in a Host field. */
  readonly authority: string;
  /** Name of its pool; given by the pool. */
  pool = '';
  /** Those of a higher number get requests only when none of a lower one can take them. */
  readonly priority: number;
  /** How it is to be trusted over HTTPS, where that differs from its pool. */
  readonly tls: EndpointTls | undefined;
  /** Version of the PROXY header that its connections begin with, 0: none; undefined: as its pool has it. */
  readonly proxyProtocol: 0 | 1 | 2 | undefined;
  /** Own worker (private Unix socket; gets the client's address in a private field). */
  readonly worker: boolean;
  /** Slot of an own worker, -1 otherwise. */
  readonly slot: number;
  /** Process id of an own worker, 0 otherwise. */
  readonly pid: number;
  /** See {@link EndpointView.index}; given by the pool. */
  index = -1;
  /** The weight asked for; {@link weight} is below it during slow start. Change it through the pool only. */
  fullWeight: number;
  weight: number;
  /** Requests it may have in flight at once, long-lived ones apart. Set by the pool; below the pool's limit during slow start. */
  limit: number = Infinity;
  /** See the constants above; change it through the pool only. */
  stateCode: number = STARTING;
  readySince = 0;
  /** It was reported ready and not down since, whatever its state: what it goes back to after maintenance. */
  up = false;
  inFlight = 0;
  /** Tunnels and event streams among them. */
  longLived = 0;
  /** Requests that it has whole, and whose answers have not begun. */
  #awaited = 0;
  /** See {@link EndpointView.silentSince}. */
  silentSince = Infinity;
  /** Requests ever sent to it, attempts counted. */
  requests = 0;
  /** Attempts that failed in a way that counts against it. */
  failures = 0;
  /** Failures since the last success. */
  consecutiveFailures = 0;
  /** Until when it is ejected; Infinity: until its health check passes. */
  ejectedUntil = 0;
  /** How often it was ejected in a row, see health/passive.ts. */
  ejections = 0;
  /** Ejected because it refused a connection, not for its failures. */
  refused = false;
  /** Until when its weight and limit grow, see health/slow-start.ts; 0: they are full. */
  rampUntil = 0;
  /** It is to leave the pool when its last request has ended. */
  leaving = false;
  /** The way out's own: its connections to this endpoint. */
  connections: unknown = null;

  constructor(init: {
    id: string;
    url: string;
    address: Address;
    weight?: number;
    priority?: number;
    tls?: EndpointTls | undefined;
    proxyProtocol?: 0 | 1 | 2 | undefined;
    slot?: number;
    pid?: number;
  }) {
    this.id = init.id;
    this.url = init.url;
    this.address = init.address;
    this.tls = init.tls;
    this.proxyProtocol = init.proxyProtocol;
    this.authority = authorityOf(init.address);
    this.fullWeight = init.weight ?? 1;
    this.weight = this.fullWeight;
    this.priority = init.priority ?? 0;
    this.slot = init.slot ?? -1;
    this.pid = init.pid ?? 0;
    this.worker = this.slot >= 0;
  }

  /** A request is with it, whole: an answer is due. */
  expectAnswer(now: number): void {
    if (this.#awaited++ === 0) this.silentSince = now;
  }

  /** An answer that was due has begun. */
  onAnswer(now: number): void {
    this.silentSince = --this.#awaited === 0 ? Infinity : now;
  }

  /** An answer that was due is waited for no longer; that says nothing of the others. */
  forgoAnswer(): void {
    if (--this.#awaited === 0) this.silentSince = Infinity;
  }

  get state(): EndpointState {
    return STATE_NAMES[this.stateCode]!;
  }
}

function authorityOf({ host, port, path, secure }: Address): string {
  if (path !== '') return 'localhost';
  const name = host.includes(':') ? `[${host}]` : host;
  return port === (secure ? 443 : 80) ? name : `${name}:${port}`;
}
