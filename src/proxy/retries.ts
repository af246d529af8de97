import type { Endpoint } from '../balance/endpoint.js';
import type { MultiserverError } from '../errors.js';
import type { Exchange } from '../exchange.js';
import type { ClientConnection } from '../http1/client-connection.js';
import type { ForwardingContext } from './forwarding-context.js';
import { isRepeatable, isRepeatedWhenSlow } from './retry-rules.js';

/** A request that was there when so many workers died is taken to be why, and brings no further one down. */
const MAX_DEATHS = 2;

/** What follows from an attempt that failed. */
export interface Failure {
  /** There may be another one, as long as the answer has not begun. */
  readonly again: boolean;
  /** The endpoint closed a connection that was idle: nobody's fault. */
  readonly stale: boolean;
  /** It was an own worker's, whose end is known to those who see to it. */
  readonly died: boolean;
}

/** What becomes of an exchange whose attempts fail. */
export class Retries {
  /** Endpoints that failed it. */
  readonly tried: Endpoint[] = [];
  /** Idle connections are not to be relied upon: one was closed as this request came. */
  fresh = false;
  readonly #context: ForwardingContext;
  readonly #exchange: Exchange;
  /** Attempts that failed. */
  #attempts = 0;
  /** Own workers that ended with this request in hand. */
  #deaths = 0;
  #inBudget = false;
  /**
   * The next attempt needs no place in the budget, which is there to keep retries from becoming load: no endpoint has had work from the one
   * that failed (nothing was sent, or on a connection that was closed as it was idle), or the one that had is an own worker that is gone.
   */
  #free = false;
  #roomBy = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(context: ForwardingContext, exchange: Exchange) {
    this.#context = context;
    this.#exchange = exchange;
  }

  /** All attempts that there may be have been made. */
  get usedUp(): boolean {
    return this.#attempts > this.#context.maxRetries;
  }

  onFailure(error: MultiserverError, endpoint: Endpoint, connection: ClientConnection, reused: boolean): Failure {
    const { code } = error;
    const { retryIdempotencyKey, retryStatuses } = this.#context;
    const closed = code === 'MS_ENDPOINT_CLOSED' || code === 'MS_ENDPOINT_RESET';
    const unconnected =
      code === 'MS_CONNECT_FAILED' || code === 'MS_CONNECT_TIMEOUT' || code === 'MS_BAD_ENDPOINT_CERTIFICATE';
    const unsent = unconnected || (closed && !connection.sent);
    const unanswered = closed && !connection.answered;
    // An endpoint may close a connection that is idle at any time.
    const stale = unanswered && reused;
    const died = endpoint.worker && (unconnected || closed);
    // One that died may still be connected to for a moment.
    if (died && !unsent && !this.tried.includes(endpoint)) this.#deaths++;
    this.#attempts++;
    this.#free = died || unsent || stale;
    if (stale) this.fresh = true;
    // One that closed a connection before it had anything of the request has not failed it.
    if (!stale || !unsent) this.tried.push(endpoint);
    const harmless =
      unsent ||
      (unanswered && isRepeatable(this.#exchange, retryIdempotencyKey, reused)) ||
      isRepeatedWhenSlow(code, this.#exchange.method, retryStatuses);
    return { again: harmless && this.#deaths < MAX_DEATHS && this.#mayGoOn(unsent), stale, died };
  }

  /** An answer came that is to be had from another endpoint, if there may be one more attempt. */
  onUnwanted(endpoint: Endpoint): boolean {
    this.#attempts++;
    this.#free = false;
    if (!this.#mayGoOn(false) || !this.#enterBudget()) return false;
    this.tried.push(endpoint);
    return true;
  }

  /**
   * Calls `go` for the next attempt. Whoever has no place in the budget asks once more in a moment, for time-outs are looked at together, so
   * that a few which are hardly any load come at once.
   */
  next(go: () => void, giveUp: () => void): void {
    const { budget, random } = this.#context;
    const allowed = this.#free || this.#enterBudget();
    if (!allowed) this.#in(budget.pause(random()), () => (this.#enterBudget() ? go() : giveUp()));
    else if (this.#attempts === 1) go();
    else this.#in(budget.delay(this.#attempts - 1, random()), go);
  }

  /** Those that have not been tried are full: asks again in a moment. False: that has been long enough. */
  awaitRoom(go: () => void): boolean {
    const { admission, budget, now, random } = this.#context;
    this.#roomBy ||= now() + admission.timeout;
    if (now() >= this.#roomBy) return false;
    this.#in(budget.delay(this.#attempts, random()), go);
    return true;
  }

  leaveBudget(): void {
    if (this.#inBudget) this.#context.budget.end();
    this.#inBudget = false;
  }

  end(): void {
    this.leaveBudget();
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  /** As long as nothing was sent, there are as many attempts as endpoints: one that has not been tried and is only full is worth a wait. */
  #mayGoOn(unsent: boolean): boolean {
    const { maxRetries, pool } = this.#context;
    if (this.#attempts <= maxRetries) return true;
    return maxRetries > 0 && unsent && pool.endpoints.some((one) => one.state === 'ready' && !this.tried.includes(one));
  }

  #enterBudget(): boolean {
    const { admission, budget } = this.#context;
    this.#inBudget ||= budget.tryBegin(admission.active);
    return this.#inBudget;
  }

  #in(delay: number, call: () => void): void {
    this.#timer = setTimeout(() => {
      this.#timer = null;
      call();
    }, delay);
  }
}
