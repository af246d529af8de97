import { cloneRawRequest } from 'hono/request';
import type { Context } from 'hono';
import type { MultiserverError } from '../errors.js';
import {
  BODY_CHUNKED,
  BODY_LENGTH,
  BODY_NONE,
  BODY_TUNNEL,
  Exchange,
  type Head,
  type Reply,
  type RequestSink,
} from '../exchange.js';
import { headOf } from '../http1/fields.js';

/** Where the body of a request that is passed on comes from. */
export interface BodySource {
  receive(sink: RequestSink): void;
  resume(): void;
  continue(): void;
}

/** What is sent to the endpoint instead of what the client sent. */
export interface Replacement {
  readonly method: string;
  readonly target: string;
  readonly head: Head;
  readonly body: number;
  readonly length: number;
  readonly source: ReplacedBody | null;
}

/** The exchange that is balanced after own middleware: the client's, with what the middleware replaced, answered to a {@link Reply}. */
export class RoutedExchange extends Exchange {
  readonly #client: Exchange;
  readonly #reply: Reply;
  readonly #source: BodySource;
  readonly #onWatch: (sink: RequestSink) => void;

  constructor(
    client: Exchange,
    reply: Reply,
    source: BodySource,
    onWatch: (sink: RequestSink) => void,
    replacement: Replacement | null,
  ) {
    super(client.client, replacement?.head ?? client.head, client.startedAt);
    this.#client = client;
    this.#reply = reply;
    this.#source = replacement?.source ?? source;
    this.#onWatch = onWatch;
    this.method = replacement?.method ?? client.method;
    this.target = replacement?.target ?? client.target;
    this.body = replacement?.body ?? client.body;
    this.length = replacement?.length ?? client.length;
    this.authority = client.authority;
    this.minor = client.minor;
    this.upgrade = client.upgrade && this.method === 'GET' && this.body === BODY_NONE;
    this.expectsContinue = replacement === null && client.expectsContinue;
    this.clientAddress = client.clientAddress;
    this.forwarded = client.forwarded;
    this.requestId = client.requestId;
  }

  watch(sink: RequestSink): void {
    this.#onWatch(sink);
  }

  receive(sink: RequestSink): void {
    this.#onWatch(sink);
    this.#source.receive(sink);
  }

  resume(): void {
    this.#source.resume();
  }

  continue(): void {
    this.#source.continue();
  }

  limitBody(size: number): void {
    this.#client.limitBody(size);
  }

  sendInterim(status: number, head: Head): void {
    this.#reply.sendInterim(status, head);
  }

  sendHead(status: number, reason: string, head: Head, body: number, length: number): void {
    this.status = body === BODY_TUNNEL ? 101 : status;
    this.#reply.sendHead(status, reason, head, body, length);
  }

  sendData(chunk: Buffer): boolean {
    return this.#reply.sendData(chunk);
  }

  sendEnd(trailers: Head | null): void {
    this.#reply.sendEnd(trailers);
  }

  fail(error: MultiserverError): void {
    this.error = error;
    this.#reply.fail(error);
  }
}

/**
 * What middleware made of the request: it has read the body (then Hono kept it), or put another `Request` in place of `c.req.raw` (body
 * limit, rewritten path or fields). `original` is the `Request` it got.
 */
export async function replacementOf(c: Context, original: Request, client: Exchange): Promise<Replacement> {
  const used = c.req.raw.bodyUsed;
  // Rebuilds the body from what Hono kept of it; rejects when it was read past Hono and is lost.
  const request = used ? await cloneRawRequest(c.req) : c.req.raw;
  const { method, headers } = request;
  const pairs: string[] = [];
  for (const [name, value] of headers) pairs.push(name, value);
  const url = new URL(request.url);
  const target = request.url === original.url ? client.target : url.pathname + url.search;
  const head = { ...headOf(pairs), listed: client.head.listed };
  if (used) {
    const bytes = new Uint8Array(await request.arrayBuffer());
    return {
      method,
      target,
      head,
      body: BODY_LENGTH,
      length: bytes.length,
      source: new ReplacedBody(new Blob([bytes]).stream()),
    };
  }
  if (request.body === null) return { method, target, head, body: BODY_NONE, length: 0, source: null };
  return { method, target, head, body: BODY_CHUNKED, length: 0, source: new ReplacedBody(request.body) };
}

/** A web stream as the body of a request. */
export class ReplacedBody implements BodySource {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #sink: RequestSink | null = null;
  #onResume: (() => void) | null = null;
  #begun = false;
  #stopped = false;
  /** The stream broke: set by the one who answers for it. */
  onError: (error: unknown) => void = () => {};

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
  }

  receive(sink: RequestSink): void {
    this.#sink = sink;
    if (this.#begun) return;
    this.#begun = true;
    this.#pump().catch((error: unknown) => {
      if (!this.#stopped) this.onError(error);
    });
  }

  async #pump(): Promise<void> {
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (this.#stopped) return;
      if (done) break;
      if (!this.#sink!.onRequestData(Buffer.from(value.buffer, value.byteOffset, value.byteLength))) {
        await new Promise<void>((resolve) => (this.#onResume = resolve));
      }
    }
    this.#sink!.onRequestEnd(null);
  }

  resume(): void {
    const resume = this.#onResume;
    this.#onResume = null;
    resume?.();
  }

  /** The client's body is being read: it was told to go on where that was needed. */
  continue(): void {}

  stop(reason: Error): void {
    this.#stopped = true;
    void this.#reader.cancel(reason).catch(() => {});
    this.resume();
  }
}
