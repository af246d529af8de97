import type { Context } from 'hono';
import { MultiserverError } from '../errors.js';
import type { Exchange, Head, Reply, RequestSink } from '../exchange.js';
import { bindingsOf, type Bindings } from './bindings.js';
import { type BodySource, replacementOf, RoutedExchange, type Replacement } from './routed-exchange.js';
import { WebReply } from './web-reply.js';
import { createRequest, RequestBody } from './web-request.js';
import { headOfResponse, reasonOfResponse, ResponseWriter } from './web-response.js';

/** Key in `c.env` under which the balancer finds the visit again, also in a copy of it. */
export const VISIT = Symbol('visit');

export interface VisitContext {
  readonly tunnelKey: string;
  balance(exchange: Exchange, reply: Reply): void;
  /** Answers a failure before any answer had begun. */
  onFailure(c: Context, exchange: Exchange, error: MultiserverError): Response | Promise<Response>;
}

/**
 * One exchange's visit to the user's own routes and middleware:
 *
 *     exchange ─► Request ─► middleware ─► handler ─► Response ─► exchange
 *                                  │  last next()      ▲
 *                                  └─► balance ─► WebReply
 *
 * It stands between the client's exchange and whoever takes the request's body or writes the answer at the moment.
 */
export class Visit implements RequestSink, BodySource {
  readonly request: Request;
  readonly env: Bindings & { [VISIT]: Visit };
  readonly #context: VisitContext;
  readonly #exchange: Exchange;
  readonly #abort = new AbortController();
  readonly #body: RequestBody | null;
  /** Takes the request's body instead of the stream that own handlers read. */
  #taker: RequestSink | null = null;
  /** Whoever balances: hears of the client. */
  #sender: RequestSink | null = null;
  readonly #replies: WebReply[] = [];
  #connected: WebReply | null = null;
  #replacement: Replacement | null = null;
  #writer: ResponseWriter | null = null;
  #gone: MultiserverError | null = null;

  constructor(context: VisitContext, exchange: Exchange, url: string, withBody: boolean) {
    this.#context = context;
    this.#exchange = exchange;
    this.#body = withBody && exchange.hasBody ? new RequestBody(exchange, this) : null;
    this.request = createRequest(exchange, url, this.#body?.stream ?? null, this.#abort.signal);
    this.env = { ...bindingsOf(exchange), [VISIT]: this };
  }

  /** Never rejects. */
  async run(fetch: (request: Request, env: Bindings) => Response | Promise<Response>): Promise<void> {
    this.#exchange.watch(this);
    try {
      const response = await fetch(this.request, this.env);
      if (this.#gone === null) await this.#answer(response);
      else void response.body?.cancel(this.#gone).catch(() => {});
    } catch (cause) {
      // Hono's error handler failed itself, or somebody threw what is no Error.
      if (this.#gone === null) this.#exchange.fail(new MultiserverError('MS_INTERNAL', undefined, { cause }));
    }
    for (const reply of this.#replies) if (reply !== this.#connected) reply.discard();
  }

  #answer(response: Response): Promise<void> | undefined {
    for (const reply of this.#replies) {
      if (reply.owns(response)) {
        this.#connected = reply;
        reply.connect(response.status, reasonOfResponse(response), headOfResponse(response));
        return undefined;
      }
      if (reply.isTunnel) reply.discard();
    }
    this.#writer = new ResponseWriter(this.#exchange);
    return this.#writer.write(response);
  }

  /** The last `next()`: the answer of an endpoint, or of the balancer when none could be had. */
  async balance(c: Context): Promise<Response> {
    const reply = new WebReply({
      client: this.#exchange,
      tunnelKey: this.#context.tunnelKey,
      sender: () => this.#sender,
      onFailure: (error) => this.#context.onFailure(c, this.#exchange, error),
    });
    if (this.#gone === null) await this.#send(c, reply);
    if (this.#gone !== null) reply.onClientGone(this.#gone);
    return reply.response;
  }

  async #send(c: Context, reply: WebReply): Promise<void> {
    const untouched = c.req.raw === this.request && !c.req.raw.bodyUsed && this.#body?.begun !== true;
    const replacement = untouched ? null : await replacementOf(c, this.request, this.#exchange);
    if (this.#gone !== null) return;
    if (untouched && this.#taker !== null) {
      reply.fail(new MultiserverError('MS_INTERNAL', 'The body of the request was already sent to an endpoint.'));
      return;
    }
    this.#replacement = replacement;
    if (replacement?.source) {
      replacement.source.onError = (cause) => {
        const error = new MultiserverError('MS_INTERNAL', undefined, { cause });
        this.#sender?.onClientGone(error);
        reply.fail(error);
      };
    }
    this.#replies.push(reply);
    const watch = (sink: RequestSink): void => void (this.#sender = sink);
    this.#context.balance(new RoutedExchange(this.#exchange, reply, this, watch, replacement), reply);
  }

  // ---- where the request's body comes from, for whoever balances

  receive(sink: RequestSink): void {
    this.#taker = sink;
    this.#exchange.receive(this);
  }

  resume(): void {
    this.#exchange.resume();
  }

  continue(): void {
    this.#exchange.continue();
  }

  // ---- what the client does

  onRequestData(chunk: Buffer): boolean {
    if (this.#taker !== null) return this.#taker.onRequestData(chunk);
    return this.#body !== null && this.#body.onData(chunk);
  }

  onRequestEnd(trailers: Head | null): void {
    if (this.#taker !== null) this.#taker.onRequestEnd(trailers);
    else this.#body?.onEnd();
  }

  onClientGone(error: MultiserverError): void {
    if (this.#gone !== null) return;
    this.#gone = error;
    this.#sender?.onClientGone(error);
    this.#replacement?.source?.stop(error);
    this.#body?.onGone(error);
    this.#writer?.stop(error);
    for (const reply of this.#replies) reply.onClientGone(error);
    this.#abort.abort(error);
  }

  onReplyDrain(): void {
    if (this.#connected !== null) this.#sender?.onReplyDrain();
    else this.#writer?.onRoom();
  }
}
