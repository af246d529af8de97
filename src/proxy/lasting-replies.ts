import type { Endpoint } from '../balance/endpoint.js';
import type { LastingReply } from './lasting-reply.js';

/** The tunnels, event streams and polls of a pool, by endpoint: which of them have to end when one is drained or in maintenance. */
export class LastingReplies {
  readonly #byEndpoint = new Map<Endpoint, Set<LastingReply>>();

  add(endpoint: Endpoint, reply: LastingReply): void {
    reply.endpoint = endpoint;
    const replies = this.#byEndpoint.get(endpoint);
    if (replies === undefined) this.#byEndpoint.set(endpoint, new Set([reply]));
    else replies.add(reply);
    // It began before that, and has become one that lasts only now.
    if (isLeft(endpoint)) reply.drain();
  }

  remove(endpoint: Endpoint, reply: LastingReply): void {
    const replies = this.#byEndpoint.get(endpoint);
    if (replies?.delete(reply) && replies.size === 0) this.#byEndpoint.delete(endpoint);
  }

  /**
   * Ends those of one endpoint, spread over `time` milliseconds: their clients come back at once, and not all at the same moment. When the
   * endpoint takes requests again before, the rest stay.
   */
  drain(endpoint: Endpoint, time: number): void {
    const replies = this.#byEndpoint.get(endpoint);
    if (replies !== undefined) spread([...replies], time, () => isLeft(endpoint));
  }

  drainAll(time: number): void {
    spread(
      [...this.#byEndpoint.values()].flatMap((replies) => [...replies]),
      time,
    );
  }
}

/** Of the time, so that the last one can end in it, too. */
const SHARE = 0.8;

function spread(replies: readonly LastingReply[], time: number, isWanted = () => true): void {
  replies.forEach((reply, i) => {
    const delay = (SHARE * time * i) / replies.length;
    const end = (): void => {
      if (isWanted()) reply.drain();
    };
    if (delay < 1) end();
    else setTimeout(end, delay).unref();
  });
}

function isLeft({ state }: Endpoint): boolean {
  return state === 'draining' || state === 'maintenance' || state === 'gone';
}
