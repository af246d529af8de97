import { MultiserverError } from '../errors.js';
import {
  BODY_LENGTH,
  BODY_NONE,
  BODY_TUNNEL,
  type Exchange,
  type Head,
  type Reply,
  type RequestSink,
} from '../exchange.js';
import { HOP_BY_HOP } from '../http1/writer.js';
import { reasonOf } from './own-answers.js';

/** Octets of an answer that wait for middleware to read them, and that are still taken of one that nobody wants. */
const BUFFER = 64 * 1024;

// Where the body goes.
/** Into the stream, when somebody reads it. */
const STREAM = 0;
/** Straight to the client: the middleware left the body alone. */
const DIRECT = 1;
/** Nowhere: the middleware answered something else. */
const DISCARD = 2;

/** Name of the field by which the placeholder of a 101 is known again after middleware has copied it. */
export const TUNNEL_FIELD = 'x-multiserver-tunnel';

export interface WebReplyOptions {
  readonly client: Exchange;
  /** Who sends the answer: hears when it may go on, and when nobody wants the rest. */
  sender(): RequestSink | null;
  /** The answer to a failure before any answer had begun. */
  onFailure(error: MultiserverError): Response | Promise<Response>;
  /** Value of {@link TUNNEL_FIELD}: not to be guessed by an endpoint. */
  readonly tunnelKey: string;
}

/**
 * A proxied answer on its way through the balancer's own middleware: a web `Response` whose body flows as it is read. Where the
 * middleware has left the body alone, {@link connect} takes the stream out of the way again, so that length, trailers and tunnel arrive
 * as the endpoint sent them.
 */
export class WebReply implements Reply {
  readonly response: Promise<Response>;
  readonly #options: WebReplyOptions;
  #resolve!: (response: Response | Promise<Response>) => void;
  #settled = false;
  #stream: ReadableStream<Uint8Array> | null = null;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  #mode = STREAM;
  #wanted = false;
  #closed = false;
  readonly #queue: Uint8Array[] = [];
  #queued = 0;
  #paused = false;
  #ended = false;
  #failure: MultiserverError | null = null;
  #trailers: Head | null = null;
  #reason = '';
  #body = BODY_NONE;
  #length = -1;

  constructor(options: WebReplyOptions) {
    this.#options = options;
    this.response = new Promise((resolve) => (this.#resolve = resolve));
  }

  // ---- what the sender calls

  sendInterim(status: number, head: Head): void {
    this.#options.client.sendInterim(status, head);
  }

  sendHead(status: number, reason: string, head: Head, body: number, length: number): void {
    this.#reason = reason;
    this.#body = body;
    this.#length = length;
    const headers = headersOf(head);
    if (body === BODY_TUNNEL) {
      headers.set(TUNNEL_FIELD, this.#options.tunnelKey);
      this.#settle(new Response(null, { status: 200, headers }));
      return;
    }
    // Outside of what `Response` can say (and of RFC 9110 §15).
    if (status < 200 || status > 599) {
      this.discard();
      this.#settle(this.#options.onFailure(new MultiserverError('MS_BAD_RESPONSE')));
      return;
    }
    if (length >= 0 && (body === BODY_LENGTH || body === BODY_NONE)) headers.set('content-length', String(length));
    const bodyless = status === 204 || status === 205 || status === 304;
    if (body !== BODY_NONE && !bodyless) {
      this.#stream = new ReadableStream<Uint8Array>(
        {
          start: (controller) => void (this.#controller = controller),
          pull: () => this.#pull(),
          cancel: () => this.discard(),
        },
        { highWaterMark: 0 },
      );
    } else if (body !== BODY_NONE) this.discard();
    this.#settle(new Response(this.#stream, { status, statusText: reason, headers }));
  }

  sendData(chunk: Buffer): boolean {
    if (this.#mode === DIRECT) return this.#options.client.sendData(chunk);
    this.#queued += chunk.length;
    if (this.#mode === DISCARD) {
      if (this.#queued > BUFFER) this.#abandon();
      return true;
    }
    // The chunk is only lent.
    const copy = new Uint8Array(chunk);
    if (this.#wanted) {
      this.#wanted = false;
      this.#queued -= chunk.length;
      this.#controller!.enqueue(copy);
    } else this.#queue.push(copy);
    this.#paused = this.#queued >= BUFFER;
    return !this.#paused;
  }

  sendEnd(trailers: Head | null): void {
    this.#ended = true;
    this.#trailers = trailers;
    if (this.#mode === DIRECT) this.#options.client.sendEnd(trailers);
    else this.#finishStream();
  }

  fail(error: MultiserverError): void {
    this.#ended = true;
    this.#failure = error;
    if (!this.#settled) this.#settle(error.status === 0 ? nobody() : this.#options.onFailure(error));
    else if (this.#mode === DIRECT) this.#options.client.fail(error);
    else this.#finishStream();
  }

  /** The client has left; nothing can be answered any more. */
  onClientGone(error: MultiserverError): void {
    this.#settle(nobody());
    if (this.#mode !== DIRECT) this.fail(error);
  }

  // ---- the stream

  #settle(response: Response | Promise<Response>): void {
    this.#settled = true;
    this.#resolve(response);
  }

  #pull(): void {
    const next = this.#queue.shift();
    if (next === undefined) {
      this.#wanted = true;
      this.#finishStream();
      return;
    }
    this.#queued -= next.length;
    this.#controller!.enqueue(next);
    this.#finishStream();
    if (this.#paused && this.#queued < BUFFER / 2) {
      this.#paused = false;
      this.#options.sender()?.onReplyDrain();
    }
  }

  #finishStream(): void {
    if (!this.#ended || this.#closed || this.#queue.length > 0 || this.#controller === null || this.#mode !== STREAM)
      return;
    this.#closed = true;
    if (this.#failure === null) this.#controller.close();
    else this.#controller.error(this.#failure);
  }

  // ---- what becomes of it

  /** Whether `response` is this answer with its body as it was. */
  owns(response: Response): boolean {
    if (this.#body === BODY_TUNNEL) return response.headers.get(TUNNEL_FIELD) === this.#options.tunnelKey;
    return this.#stream !== null && response.body === this.#stream && !this.#stream.locked && !response.bodyUsed;
  }

  get isTunnel(): boolean {
    return this.#body === BODY_TUNNEL;
  }

  /** The answer goes to the client as it comes, with the status and head that the middleware has made of it. */
  connect(status: number, reason: string, head: Head): void {
    const { client } = this.#options;
    this.#mode = DIRECT;
    if (this.isTunnel) client.sendHead(101, this.#reason || reasonOf(101), head, BODY_TUNNEL, 0);
    else client.sendHead(status, reason, head, this.#body, this.#length);
    let room = true;
    for (const piece of this.#queue.splice(0)) {
      room = client.sendData(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)) && room;
    }
    if (this.#failure !== null) client.fail(this.#failure);
    else if (this.#ended) client.sendEnd(this.#trailers);
    else if (this.#paused && room) this.#options.sender()?.onReplyDrain();
  }

  /** Nobody wants this answer. What is short is taken to its end, so that the connection to the endpoint can be used again. */
  discard(): void {
    if (this.#mode === DIRECT || this.#mode === DISCARD) return;
    this.#mode = DISCARD;
    this.#queue.length = 0;
    if (this.#ended) return;
    if (this.#body !== BODY_LENGTH || this.#length > BUFFER) this.#abandon();
    else if (this.#paused) this.#options.sender()?.onReplyDrain();
  }

  #abandon(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#options.sender()?.onClientGone(new MultiserverError('MS_CLIENT_GONE'));
  }
}

/** Stands for the answer to a client that has left. */
function nobody(): Response {
  return new Response(null, { status: 499 });
}

function headersOf(head: Head): Headers {
  const { pairs, kinds, listed } = head;
  const headers = new Headers();
  for (let i = 0; i < kinds.length; i++) {
    const name = pairs[2 * i]!;
    if (HOP_BY_HOP[kinds[i]!] === 1 || listed?.includes(name.toLowerCase())) continue;
    headers.append(name, pairs[2 * i + 1]!);
  }
  return headers;
}
