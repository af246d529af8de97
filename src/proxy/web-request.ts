import type { Exchange, RequestSink } from '../exchange.js';
import * as f from '../http1/fields.js';
import { requestIdOf } from './request-id.js';

/** Methods that `Request` writes in capitals (Fetch, "normalize a method"); others are case-sensitive. */
const NORMALIZED = /^(?:delete|get|head|options|post|put)$/i;

export function methodOf(exchange: Exchange): string {
  return NORMALIZED.test(exchange.method) ? exchange.method.toUpperCase() : exchange.method;
}

/** The absolute URL as the client sees it; null when its host can be none. */
export function urlOf(exchange: Exchange): string | null {
  const { client, forwarded } = exchange;
  const local = client.localAddress.includes(':') ? `[${client.localAddress}]` : client.localAddress || 'localhost';
  const authority =
    forwarded?.host || exchange.authority || (client.localPort === 0 ? local : `${local}:${client.localPort}`);
  const url = `${exchange.secure ? 'https' : 'http'}://${authority}${exchange.target}`;
  return URL.canParse(url) ? new URL(url).href : null;
}

/** What own handlers see of an exchange. What only a trusted proxy may say is missing unless one did. */
export function createRequest(
  exchange: Exchange,
  url: string,
  body: ReadableStream<Uint8Array> | null,
  signal: AbortSignal,
): Request {
  const method = methodOf(exchange);
  const bare = method === 'GET' || method === 'HEAD' || method === 'TRACE';
  const init: RequestInit = { method: method === 'TRACE' ? 'GET' : method, headers: headersOf(exchange), signal };
  if (body !== null && !bare) {
    init.body = body;
    init.duplex = 'half';
  }
  const request = new Request(url, init);
  // `Request` does not take TRACE, but a guard must see it.
  if (method === 'TRACE') Object.defineProperty(request, 'method', { value: 'TRACE' });
  return request;
}

function headersOf(exchange: Exchange): Headers {
  const { pairs, kinds } = exchange.head;
  const headers = new Headers();
  for (let i = 0; i < kinds.length; i++) {
    switch (kinds[i]) {
      case f.F_FORWARDED:
      case f.F_X_FORWARDED_FOR:
      case f.F_X_FORWARDED_PROTO:
      case f.F_X_FORWARDED_HOST:
      case f.F_X_FORWARDED_PORT:
      case f.F_X_FORWARDED_OTHER:
      case f.F_X_REAL_IP:
        if (exchange.forwarded === null) continue;
        break;
      case f.F_MULTISERVER_CLIENT:
      case f.F_X_REQUEST_ID:
        continue;
    }
    headers.append(pairs[2 * i]!, pairs[2 * i + 1]!);
  }
  headers.set('x-request-id', requestIdOf(exchange));
  return headers;
}

/** The request's body as a stream that takes nothing from the client before somebody reads, and never more than is read. */
export class RequestBody {
  readonly stream: ReadableStream<Uint8Array>;
  /** Somebody has begun to read. */
  begun = false;
  readonly #exchange: Exchange;
  readonly #sink: RequestSink;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #closed = false;
  #paused = false;
  #delivering = false;
  #wanted = false;

  /** `sink` is what the exchange delivers to; it hands data on to this. */
  constructor(exchange: Exchange, sink: RequestSink) {
    this.#exchange = exchange;
    this.#sink = sink;
    this.stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => void (this.#controller = controller),
        pull: () => this.#pull(),
        cancel: () => void (this.#closed = true),
      },
      { highWaterMark: 0 },
    );
  }

  #pull(): void {
    this.#wanted = true;
    if (!this.begun) {
      this.begun = true;
      this.#exchange.continue();
      this.#exchange.receive(this.#sink);
    } else if (this.#paused && !this.#delivering) {
      this.#paused = false;
      this.#exchange.resume();
    }
  }

  onData(chunk: Buffer): boolean {
    if (this.#closed) return false;
    // The stream may ask for the next piece while it takes this one, before the pause that this call's result means.
    this.#wanted = false;
    this.#delivering = true;
    this.#controller.enqueue(new Uint8Array(chunk));
    this.#delivering = false;
    this.#paused = !this.#wanted;
    return this.#wanted;
  }

  onEnd(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#controller.close();
  }

  onGone(error: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#controller.error(error);
  }
}
