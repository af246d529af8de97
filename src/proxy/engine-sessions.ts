import { keyOf } from '../balance/algorithms/key.js';
import { DRAINING, type Endpoint, MAINTENANCE } from '../balance/endpoint.js';
import type { Pool } from '../balance/pool.js';
import { BODY_NONE, type Exchange, type Reply } from '../exchange.js';
import { hashOf } from '../util/hash.js';
import { RecentMap } from '../util/recent-map.js';
import { HandshakeReply, PollReply } from './engine-replies.js';
import type { LastingReply } from './lasting-reply.js';

/** Remembered at once; those that were silent longest are forgotten first. */
const MAX_SESSIONS = 100_000;
const sessionOf = keyOf('sid', '');

/**
 * The sessions of Engine.IO, on which Socket.IO is built. Only the endpoint that opened a session knows it, and any other answers
 * "Session ID unknown": so its requests go there, whatever the algorithm. When that endpoint takes none any more, the session is ended
 * in order, and its client opens another one elsewhere.
 */
export class EngineSessions {
  /** By the hash of their ids. */
  readonly #table = new RecentMap<number, Session>(MAX_SESSIONS);

  /** Null: not a request of theirs, or of a session that was opened elsewhere. */
  requestOf(exchange: Exchange): EngineRequest | null {
    const { method, target } = exchange;
    // each of their requests tells the protocol's revision
    if (!target.includes('EIO=') || (method !== 'GET' && method !== 'POST')) return null;
    const sid = sessionOf(exchange);
    if (sid === undefined) return target.includes('transport=polling') ? new Handshake(this.#table) : null;
    const session = this.#table.get(hashOf(sid));
    return session === undefined ? null : new SessionRequest(exchange, session);
  }
}

interface Session {
  readonly home: Endpoint;
  /** The client was told that it is over. */
  closed: boolean;
}

export interface EngineRequest {
  /** The one endpoint that it is for; null: any. */
  readonly home: Endpoint | null;
  /** Whether its home is to hear it. */
  isHeard(pool: Pool): boolean;
  /** What its answer passes through; null: nothing. */
  wrap(reply: Reply, finish: () => void): LastingReply | null;
}

class Handshake implements EngineRequest {
  readonly home = null;
  readonly #table: RecentMap<number, Session>;

  constructor(table: RecentMap<number, Session>) {
    this.#table = table;
  }

  isHeard(): boolean {
    return true;
  }

  wrap(reply: Reply, finish: () => void): LastingReply {
    return new HandshakeReply(reply, finish, (sid, home) => this.#table.set(hashOf(sid), { home, closed: false }));
  }
}

/** A poll, a message to the server, or an upgrade. */
class SessionRequest implements EngineRequest {
  readonly home: Endpoint;
  readonly #exchange: Exchange;
  readonly #session: Session;

  constructor(exchange: Exchange, session: Session) {
    this.home = session.home;
    this.#exchange = exchange;
    this.#session = session;
  }

  /** Messages are while its home is drained or in maintenance, too: until the session ends with the next poll. */
  isHeard(pool: Pool): boolean {
    if (this.#session.closed) return false;
    const { stateCode } = this.home;
    const leaves = stateCode === DRAINING || stateCode === MAINTENANCE;
    return leaves ? this.#exchange.method === 'POST' : pool.canTake(this.home);
  }

  wrap(reply: Reply, finish: () => void): LastingReply | null {
    const { method, target, body } = this.#exchange;
    if (method !== 'GET' || body !== BODY_NONE || !target.includes('transport=polling')) return null;
    return new PollReply(reply, finish, target.includes('EIO=3') ? 3 : 4, () => (this.#session.closed = true));
  }
}
