import type { Endpoint } from '../balance/endpoint.js';
import type { Admission, Waiter } from '../balance/limits/admission.js';
import { type ErrorCode, MultiserverError } from '../errors.js';
import { BODY_TUNNEL, type Exchange, type Head, type Reply, type RequestSink } from '../exchange.js';
import type { ClientConnection } from '../http1/client-connection.js';
import type { ResponseHandler } from '../http1/client-settings.js';
import { F_SET_COOKIE, withField } from '../http1/fields.js';
import type { Limit } from '../util/limits.js';
import type { EngineRequest } from './engine-sessions.js';
import { passedTrailers, writeRequestHead } from './forward-headers.js';
import type { ForwardingContext } from './forwarding-context.js';
import { KeptBody } from './kept-body.js';
import { isEventStream, type LastingReply, lastingReply } from './lasting-reply.js';
import { outcomeOf } from './outcome.js';
import { Retries } from './retries.js';
import { isKept, isRefusal, isRepeatedFor, retryAfterOf } from './retry-rules.js';

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
  /** Null as long as no attempt has failed. */
  #retries: Retries | null = null;
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
    if (exchange.hasBody) {
      this.#received = false;
      if (isKept(exchange, retryIdempotencyKey)) this.#kept = new KeptBody(maxReplay);
    } else this.#deadline = now() + this.#timeout;
    exchange.watch(this);
    if (exchange.upgrade && !pool.hasRoomForLongLived()) this.#exceed('maxLongLived', 'MS_LONG_LIVED_FULL');
    else if (admission.tryEnter()) this.onAdmitted();
    else this.#enqueue();
  }

  // ---- admit

  #enqueue(): void {
    const { admission, now } = this.#context;
    const latest = Math.min(this.#deadline, now() + this.#timeout);
    if (!admission.enqueue(this, latest)) this.#exceed('queue.size', 'MS_QUEUE_FULL');
  }

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
    const retries = this.#retries;
    let endpoint = this.#session?.home ?? pool.pick(this.#exchange, retries === null ? null : retries.tried);
    if (endpoint === undefined && retries !== null) {
      if (retries.usedUp && retries.awaitRoom(() => this.#attempt(error))) return;
      if (retries.usedUp) return this.onQueueTimeout();
      // Better the one that failed than none.
      endpoint = pool.pick(this.#exchange, null);
    }
    if (endpoint === undefined) return this.#await(error ?? new MultiserverError('MS_NO_ENDPOINT'));
    this.#endpoint = endpoint;
    this.#firstByte = -1;
    this.#retryAfter = -1;
    pool.begin(endpoint);
    if (this.#lasting !== null) this.#context.lasting.add(endpoint, this.#lasting);
    // A poll waits until there is something to say, which is not slow.
    if (this.#received && this.#lasting === null) this.#expectAnswer(endpoint);
    const connection = this.#context.acquire(endpoint, this, this.#exchange.client, retries?.fresh === true);
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
    if (!this.#context.pool.expecting) return this.#giveUp(error);
    this.#leave();
    this.#enqueue();
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
    if (!exchange.hasBody) {
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
    const repeats = isRepeatedFor(status, exchange.method, retryStatuses) && (!exchange.hasBody || this.#received);
    if (repeats && this.#mayRetry() && this.#failures.onUnwanted(endpoint)) {
      this.#connection!.abort();
      this.#settle(false);
      this.#retry(null);
      return;
    }
    // What counts as load is the asking, not a stream or download that it led to.
    this.#retries?.leaveBudget();
    const eventStream = isEventStream(head);
    const longLived = eventStream || body === BODY_TUNNEL;
    if (longLived && !pool.hasRoomForLongLived()) {
      this.#connection!.abort();
      this.#settle(false);
      this.#exceed('maxLongLived', 'MS_LONG_LIVED_FULL');
      return;
    }
    const cookie = pool.replyCookie(endpoint, exchange);
    if (cookie !== undefined) head = withField(head, 'Set-Cookie', F_SET_COOKIE, cookie);
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
    const endpoint = this.#endpoint!;
    const { code } = error;
    const { again, stale, died } = this.#failures.onFailure(error, endpoint, this.#connection!, this.#reused);
    // The end of a tunnel or event stream is nobody's fault, however it comes. A request whose time went by in the queue or elsewhere tells
    // nothing of the endpoint: else too much load would eject good ones.
    const late = code === 'MS_TIMEOUT' && this.#deadline - this.#sentAt < this.#timeout / 2;
    const innocent = stale || this.#longLived || late;
    const answered = this.#status !== 0;
    if (!innocent && !died) this.#context.onFault(endpoint, error);
    this.#settle(!innocent, isRefusal(error));
    if (again && !answered && this.#mayRetry()) this.#retry(error);
    else if (answered) {
      this.#end();
      this.#reply.fail(error);
    } else this.#giveUp(error);
  }

  get #failures(): Retries {
    return (this.#retries ??= new Retries(this.#context, this.#exchange));
  }

  /** There is time, and a body that can be sent again. */
  #mayRetry(): boolean {
    return this.#context.now() < this.#deadline && !(this.#receiving && this.#kept === null);
  }

  #retry(error: MultiserverError | null): void {
    this.#connection = null;
    this.#status = 0;
    this.#failures.next(
      () => this.#attempt(error),
      () => this.#giveUp(error!),
    );
  }

  onClientGone(): void {
    if (!this.#ended) this.#drop();
  }

  /** Whatever it waits for, it waits no longer. */
  #drop(): void {
    this.queuedIn?.cancel(this);
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
    this.#retries?.end();
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
