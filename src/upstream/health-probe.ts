import type { Endpoint } from '../balance/endpoint.js';
import { BODY_NONE, type Head } from '../exchange.js';
import type { MultiserverError } from '../errors.js';
import type { ClientConnection } from '../http1/client-connection.js';
import type { ResponseHandler } from '../http1/client-settings.js';

/** What is asked of an endpoint, and which answer is good. */
export interface ProbeOptions {
  readonly path: string;
  /** Milliseconds for all of it. */
  readonly timeout: number;
  /** Statuses that are good; empty: 200 to 399. */
  readonly status: readonly number[];
  /** A text that must be in the first part of the body. */
  readonly body: string | undefined;
}

export type Open = (endpoint: Endpoint, handler: ResponseHandler) => ClientConnection;

/** The most of a body that is looked at. */
const MAX_BODY = 64 * 1024;

/** One health check, over a connection of its own: whether the endpoint still accepts one is part of the question. */
export class HealthProbe implements ResponseHandler {
  readonly #options: ProbeOptions;
  /** Why it failed; undefined: it passed. */
  readonly #done: (failure: string | undefined) => void;
  readonly #head: string;
  readonly #connection: ClientConnection;
  readonly #timer: NodeJS.Timeout;
  readonly #wanted: Buffer | undefined;
  #body: Buffer = Buffer.alloc(0);
  #ended = false;

  constructor(endpoint: Endpoint, options: ProbeOptions, open: Open, done: (failure: string | undefined) => void) {
    this.#options = options;
    this.#done = done;
    this.#wanted = options.body === undefined ? undefined : Buffer.from(options.body);
    this.#head = `GET ${options.path} HTTP/1.1\r\nHost: ${endpoint.authority}\r\nUser-Agent: multiserver\r\nConnection: close\r\n\r\n`;
    this.#timer = setTimeout(() => this.#finish(`no answer within ${options.timeout} ms`), options.timeout).unref();
    this.#connection = open(endpoint, this);
  }

  /** Nothing more is told. */
  cancel(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#connection.abort();
  }

  onConnected(): void {
    this.#connection.begin(this.#head, 'GET', BODY_NONE, false);
    this.#connection.sendEnd(null, Infinity);
  }

  onInterim(): void {}

  onResponseHead(status: number, _reason: string, _head: Head): void {
    const { status: good } = this.#options;
    if (good.length === 0 ? status >= 400 : !good.includes(status)) this.#finish(`status ${status}`);
    else if (this.#wanted === undefined) this.#finish(undefined);
  }

  onResponseData(chunk: Buffer): boolean {
    this.#body = Buffer.concat([this.#body, chunk]);
    if (this.#body.includes(this.#wanted!)) this.#finish(undefined);
    else if (this.#body.length > MAX_BODY) this.#finish('another body');
    return true;
  }

  onResponseEnd(): void {
    this.#finish('another body');
  }

  onResponseError(error: MultiserverError): void {
    this.#finish(error.message);
  }

  onRequestDrain(): void {}

  #finish(failure: string | undefined): void {
    if (this.#ended) return;
    this.cancel();
    this.#done(failure);
  }
}
