import type { Endpoint } from '../balance/endpoint.js';
import type { Admission, Waiter } from '../balance/limits/admission.js';
import { type ErrorCode, MultiserverError } from '../errors.js';
import {
  BODY_LENGTH,
  BODY_NONE,
  BODY_TUNNEL,
  type Exchange,
  type Head,
  type Reply,
  type RequestSink,
} from '../exchange.js';
import type { ClientConnection } from '../http1/client-connection.js';
import type { ResponseHandler } from '../http1/client-settings.js';
import { F_SET_COOKIE } from '../http1/fields.js';
import type { Limit } from '../util/limits.js';
import type { EngineRequest } from './engine-sessions.js';
import { passedTrailers, writeRequestHead } from './forward-headers.js';
import type { ForwardingContext } from './forwarding-context.js';
import { KeptBody } from './kept-body.js';
import { isEventStream, type LastingReply, lastingReply } from './lasting-reply.js';
import { outcomeOf } from './outcome.js';
import { isKept, isRefusal, isRepeatable, isRepeatedFor, isRepeatedWhenSlow, retryAfterOf } from './retry-rules.js';

/** A request that was there when so many workers died is taken to be why, and brings no further one down. */
const MAX_DEATHS = 2;

/**
 * One exchange on its way through the phases admit → choose → send → receive → reply, with its attempts.
 *
 *     waiting for a place ──► attempt ──► answer's head ──► body ──► ended
 *                               ▲  │ failed, nothing answered
 *                               └──┘ the next candidate
 */
export class Forwarding implements RequestSink, ResponseHandler, Waiter {
  queuedIn: Admission | null = null;
  queueNext: Waiter | null = null;
  queuePrevious: Waiter | null = null;
  queueDeadline = 0;
  readonly #context: ForwardingContext;
  readonly #exchange: Exchange;
  #reply: Reply;
  #lasting: LastingReply | null = null;
  #session: EngineRequest | null = null;
  readonly #timeout: number;
  #endpoint: Endpoint | null = null;
  #connection: ClientConnection | null = null;
  #reused = false;
  #tried: Endpoint[] | null = null;
  #attempts = 0;
  #retrying = false;
  /** Own workers that ended with this request in hand. */
  #deaths = 0;
  #timer: NodeJS.Timeout | null = null;
  #admitted = false;
  #ended = false;
  /** Since when an answer is due: the endpoint has the whole request. */
  #sentAt = 0;
  #isDue = false;
  #firstByte = -1;
  #status = 0;
  #retryAfter = -1;
  #longLived = false;
  /** By when the answer's head must be there; unknown while the request is not whole. */
  #deadline = Infinity;
  #hasBody = false;
  /** The client's body flows to us. */
  #receiving = false;
  #received = true;
  #trailers: Head | null = null;
  /** Null: too large to be sent again, or of a request that must not be sent twice. */
  #kept: KeptBody | null = null;

  /** `timeout`: ms from the request's end to the head of its answer. */
  constructor(context: ForwardingContext, exchange: Exchange, reply: Reply, timeout: number) {
    this.#context = context;
    this.#exchange = exchange;
    this.#reply = reply;
    this.#timeout = timeout;
  }

  start(): void {
    const { pool, admission, sessions, retryIdempotencyKey, maxReplay, now } = this.#context;
    const exchange = this.#exchange;
    this.#session = sessions.requestOf(exchange);
    if (this.#session !== null) this.#makeLasting(this.#session.wrap(this.#reply, () => this.#finishEarly()));
    this.#hasBody = exchange.body !== BODY_NONE && !(exchange.body === BODY_LENGTH && exchange.length === 0);
    if (this.#hasBody) {
      this.#received = false;
      if (isKept(exchange, retryIdempotencyKey)) this.#kept = new KeptBody(maxReplay);
    } else this.#deadline = now() + this.#timeout;
    exchange.watch(this);
    if (exchange.upgrade && !pool.hasRoomForLongLived()) this.#exceed('maxLongLived', 'MS_LONG_LIVED_FULL');
    else if (admission.tryEnter()) this.onAdmitted();
    else if (!admission.enqueue(this, this.#deadline)) this.#exceed('queue.size', 'MS_QUEUE_FULL');
  }

  // ---- admit

  onAdmitted(): void {
    this.#admitted = true;
    this.#attempt();
  }

  onQueueTimeout(): void {
    if (this.#context.now() >= this.#deadline) this.#exceed('timeout', 'MS_TIMEOUT');
    else this.#exceed('queue.timeout', 'MS_QUEUE_TIMEOUT');
  }

  // ---- choose and send

  #attempt(error: MultiserverError | null = null): void {
    const { pool, now } = this.#context;
    if (now() >= this.#deadline) return this.#exceed('timeout', 'MS_TIMEOUT');
    if (this.#session?.isHeard(pool) === false) {
      this.#lasting?.drain();
      if (!this.#ended) this.#giveUp(error ?? new MultiserverError('MS_NO_ENDPOINT'));
      return;
    }
    let endpoint = this.#session?.home ?? pool.pick(this.#exchange, this.#tried);
    // Better the one that failed than none.
    if (endpoint === undefined && this.#tried !== null) endpoint = pool.pick(this.#exchange, null);
    if (endpoint === undefined) return this.#await(error ?? new MultiserverError('MS_NO_ENDPOINT'));
    this.#attempts++;
    this.#endpoint = endpoint;
    this.#firstByte = -1;
    this.#retryAfter = -1;
    pool.begin(endpoint);
    if (this.#lasting !== null) this.#context.lasting.add(endpoint, this.#lasting);
    if (this.#received) this.#expectAnswer(endpoint);
    const connection = this.#context.acquire(endpoint, this, this.#exchange.client);
    this.#connection = connection;
    this.#reused = connection.requests > 0;
    if (connection.connected) this.onConnected();
    else connection.connectBy(this.#deadline);
  }

  /** Time that a client takes for its body is no fault of the endpoint. */
  #expectAnswer(endpoint: Endpoint): void {
    this.#isDue = true;
    this.#sentAt = this.#context.now();
    endpoint.expectAnswer(this.#sentAt);
  }

  /** No endpoint is left; if one is to come, it is waited for, as for a free place. */
  #await(error: MultiserverError): void {
    const { pool, admission } = this.#context;
    if (!pool.expecting) return this.#giveUp(error);
    this.#leave();
    if (!admission.enqueue(this, this.#deadline)) this.#exceed('queue.size', 'MS_QUEUE_FULL');
  }

  onConnected(): void {
    const connection = this.#connection!;
    const exchange = this.#exchange;
    const endpoint = this.#endpoint!;
    connection.begin(
      writeRequestHead(exchange, endpoint, this.#context),
      exchange.method,
      exchange.body,
      exchange.upgrade,
    );
    if (!this.#hasBody) {
      connection.sendEnd(null, this.#deadline);
      return;
    }
    if (exchange.expectsContinue) connection.expectAnswer(Infinity);
    this.#kept?.sendTo(connection);
    if (this.#received) {
      connection.sendEnd(this.#trailers, this.#deadline);
      return;
    }
    if (this.#receiving) exchange.resume();
    else {
      this.#receiving = true;
      exchange.receive(this);
    }
  }

  onRequestData(chunk: Buffer): boolean {
    const connection = this.#connection;
    if (this.#longLived) return connection === null || connection.sendData(chunk);
    if (this.#kept?.keep(chunk, connection?.connected === true) === false) this.#kept = null;
    if (connection === null || !connection.connected) return false;
    return connection.sendData(chunk);
  }

  onRequestEnd(trailers: Head | null): void {
    this.#received = true;
    this.#trailers = passedTrailers(trailers, this.#context);
    if (!this.#longLived) this.#deadline = this.#context.now() + this.#timeout;
    if (this.#connection === null) return;
    if (this.#status === 0) this.#expectAnswer(this.#endpoint!);
    if (this.#connection.connected) this.#connection.sendEnd(this.#trailers, this.#deadline);
  }

  onRequestDrain(): void {
    this.#exchange.resume();
  }

  // ---- receive and reply

  onInterim(status: number, head: Head): void {
    this.#reply.sendInterim(status, head);
  }

  onResponseHead(status: number, reason: string, head: Head, body: number, length: number): void {
    const { pool, now, retryStatuses } = this.#context;
    const exchange = this.#exchange;
    const endpoint = this.#endpoint!;
    this.#status = status;
    if (this.#isDue) {
      this.#isDue = false;
      const time = now();
      this.#firstByte = time - this.#sentAt;
      endpoint.onAnswer(time);
    }
    if (status >= 400) this.#retryAfter = retryAfterOf(head);
    if (isRepeatedFor(status, exchange.method, retryStatuses) && this.#mayRetry(true) && this.#enterBudget()) {
      this.#connection!.abort();
      this.#settle(false);
      this.#retry(null, true);
      return;
    }
    const eventStream = isEventStream(head);
    const longLived = eventStream || body === BODY_TUNNEL;
    if (longLived && !pool.hasRoomForLongLived()) {
      this.#connection!.abort();
      this.#settle(false);
      this.#exceed('maxLongLived', 'MS_LONG_LIVED_FULL');
      return;
    }
    const cookie = pool.replyCookie(endpoint, exchange);
    if (cookie !== undefined) {
      head.pairs.push('Set-Cookie', cookie);
      head.kinds.push(F_SET_COOKIE);
    }
    if (longLived) this.#becomeLongLived(endpoint, eventStream);
    this.#reply.sendHead(status, reason, head, body, length);
    if (longLived && this.#lasting === null && !this.#ended)
      this.#makeLasting(lastingReply(this.#reply, head, body, () => this.#finishEarly()));
    if (body === BODY_TUNNEL && !this.#ended) exchange.receive(this);
  }

  /** It may stay for hours: it does not hold the place of a request, and silence is no fault. */
  #becomeLongLived(endpoint: Endpoint, eventStream: boolean): void {
    this.#longLived = true;
    this.#context.pool.becomeLongLived(endpoint, this.#status);
    if (eventStream) this.#connection!.allowSilence();
    this.#leave();
  }

  #makeLasting(reply: LastingReply | null): void {
    if (reply === null) return;
    this.#reply = reply;
    this.#lasting = reply;
    if (this.#endpoint !== null) this.#context.lasting.add(this.#endpoint, reply);
  }

  /** The endpoint is being drained, and the client has been told all that it can be told without harm. */
  #finishEarly(): void {
    if (this.#ended) return;
    this.#drop();
    this.#reply.sendEnd(null);
  }

  onResponseData(chunk: Buffer): boolean {
    return this.#reply.sendData(chunk);
  }

  onReplyDrain(): void {
    this.#connection?.resume();
  }

  onResponseEnd(trailers: Head | null): void {
    this.#settle(false);
    this.#end();
    this.#reply.sendEnd(trailers);
  }

  // ---- failure

  onResponseError(error: MultiserverError): void {
    const { code } = error;
    const connection = this.#connection!;
    const unsent =
      code === 'MS_CONNECT_FAILED' || code === 'MS_CONNECT_TIMEOUT' || code === 'MS_BAD_ENDPOINT_CERTIFICATE';
    const closed = code === 'MS_ENDPOINT_CLOSED' || code === 'MS_ENDPOINT_RESET';
    const died = this.#endpoint!.worker && (unsent || closed);
    // One that died may still be connected to for a moment.
    if (died && !unsent && connection.sent && !this.#tried?.includes(this.#endpoint!)) this.#deaths++;
    const { retryIdempotencyKey, retryStatuses } = this.#context;
    const unanswered = closed && !connection.answered;
    const again =
      this.#status === 0 &&
      (unsent ||
        (unanswered && isRepeatable(this.#exchange, retryIdempotencyKey, connection.sent, this.#reused)) ||
        isRepeatedWhenSlow(code, this.#exchange.method, retryStatuses)) &&
      this.#deaths < MAX_DEATHS &&
      this.#mayRetry(false);
    // An idle connection that the endpoint closed is nobody's fault, nor is the end of a tunnel or event stream, however it comes. A request
    // whose time went by in the queue or elsewhere tells nothing of the endpoint: else too much load would eject good ones.
    const late = code === 'MS_TIMEOUT' && this.#deadline - this.#sentAt < this.#timeout / 2;
    const innocent = (unanswered && this.#reused) || this.#longLived || late;
    if (!innocent && !died) this.#context.onFault(this.#endpoint!, error);
    this.#settle(!innocent, isRefusal(error));
    if (again) this.#retry(error, died || unsent || this.#enterBudget());
    else if (this.#status !== 0) {
      this.#end();
      this.#reply.fail(error);
    } else this.#giveUp(error);
  }

  #mayRetry(answered: boolean): boolean {
    const { maxRetries, now } = this.#context;
    if (this.#attempts > maxRetries || now() >= this.#deadline) return false;
    if (this.#receiving && this.#kept === null) return false;
    return !(answered && this.#hasBody && !this.#received);
  }

  #enterBudget(): boolean {
    const { admission, budget } = this.#context;
    this.#retrying ||= budget.tryBegin(admission.active);
    return this.#retrying;
  }

  /**
   * `allowed`: it is in the budget, or free, since no endpoint has had work from the attempt that failed (nothing was sent), or the one that
   * had is an own worker that is gone: all such requests move to those that are left. Whoever is not allowed yet asks once more in a
   * moment: time-outs are looked at together, so that a few which are hardly any load come at once.
   */
  #retry(error: MultiserverError | null, allowed: boolean): void {
    const { budget, random } = this.#context;
    (this.#tried ??= []).push(this.#endpoint!);
    this.#connection = null;
    this.#status = 0;
    const first = this.#attempts === 1;
    const delay = !allowed ? budget.pause(random()) : first ? 0 : budget.delay(this.#attempts - 1, random());
    if (delay < 1 && allowed) return this.#attempt(error);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (allowed || this.#enterBudget()) this.#attempt(error);
      else this.#giveUp(error!);
    }, delay);
  }

  onClientGone(): void {
    if (!this.#ended) this.#drop();
  }

  /** Whatever it waits for, it waits no longer. */
  #drop(): void {
    this.queuedIn?.cancel(this);
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#connection !== null) {
      this.#connection.abort();
      this.#settle(false);
    }
    this.#end();
  }

  /** The attempt in progress has ended. */
  #settle(failed: boolean, refused = false): void {
    const { pool, lasting, now } = this.#context;
    const endpoint = this.#endpoint!;
    const waited = this.#isDue ? now() - this.#sentAt : 0;
    if (this.#isDue) endpoint.forgoAnswer();
    this.#isDue = false;
    this.#connection = null;
    if (this.#lasting !== null) lasting.remove(endpoint, this.#lasting);
    const outcome = outcomeOf(this.#status, this.#firstByte, waited, failed, this.#longLived, this.#retryAfter);
    pool.finish(endpoint, outcome, refused);
  }

  #leave(): void {
    if (!this.#admitted) return;
    this.#admitted = false;
    this.#context.admission.leave();
  }

  #end(): void {
    this.#ended = true;
    this.#kept = null;
    if (this.#retrying) this.#context.budget.end();
    this.#leave();
  }

  #exceed(limit: Limit, code: ErrorCode): void {
    this.#context.hits[limit]++;
    this.#giveUp(new MultiserverError(code));
  }

  #giveUp(error: MultiserverError): void {
    this.#end();
    this.#context.onFailed(this.#exchange, this.#reply, error);
  }
}
