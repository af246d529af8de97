import { BODY_NONE, Exchange, type ClientInfo, type Head, type RequestSink } from '../exchange.js';
import { MultiserverError } from '../errors.js';
import { headOf } from '../http1/fields.js';

export interface FakeInit {
  method?: string;
  target?: string;
  authority?: string;
  fields?: string[];
  listed?: string[];
  client?: Partial<ClientInfo>;
  body?: number;
  length?: number;
  /** Pieces of the body that are there from the beginning. */
  chunks?: string[];
  /** The body's end is there too; else {@link FakeExchange.arrive} brings it. */
  ended?: boolean;
}

/** An exchange without a socket: it plays the client from arrays and keeps what is sent to it. */
export class FakeExchange extends Exchange {
  readonly interims: number[] = [];
  reason = '';
  sentHead: Head | null = null;
  sentBody = -1;
  sentLength = -1;
  readonly data: Buffer[] = [];
  trailers: Head | null = null;
  ended = false;
  failed: MultiserverError | null = null;
  continued = 0;
  /** How many pieces the client takes before it wants a pause; see {@link drain}. */
  window = Infinity;
  maxBody = Infinity;
  /** Calls of {@link receive}. */
  received = 0;
  #sink: RequestSink | null = null;
  #incoming: Buffer[];
  #complete: boolean;
  #paused = false;
  #flowing = false;
  #told = false;

  constructor(init: FakeInit = {}) {
    const head = headOf(init.fields ?? []);
    super(
      {
        address: '192.0.2.1',
        port: 40000,
        localAddress: '192.0.2.9',
        localPort: 8080,
        encrypted: false,
        ...init.client,
      },
      { ...head, listed: init.listed ?? null },
      0,
    );
    this.method = init.method ?? 'GET';
    this.target = init.target ?? '/';
    this.authority = init.authority ?? 'example.com';
    this.body = init.body ?? BODY_NONE;
    this.length = init.length ?? 0;
    this.#incoming = (init.chunks ?? []).map((chunk) => Buffer.from(chunk));
    this.#complete = init.ended ?? true;
  }

  watch(sink: RequestSink): void {
    this.#sink = sink;
  }

  receive(sink: RequestSink): void {
    this.received++;
    this.#flowing = true;
    this.#sink = sink;
    this.#deliver();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#deliver();
  }

  limitBody(size: number): void {
    this.maxBody = size;
  }

  /** More of the body comes, and maybe its end. */
  arrive(chunk: string, last = false): void {
    if (chunk !== '') this.#incoming.push(Buffer.from(chunk));
    this.#complete = last;
    this.#deliver();
  }

  leave(): void {
    this.#incoming = [];
    this.#sink?.onClientGone(new MultiserverError('MS_CLIENT_GONE'));
  }

  drain(window = Infinity): void {
    this.window = window;
    this.#sink?.onReplyDrain();
  }

  get waiting(): number {
    return this.#incoming.length;
  }

  #deliver(): void {
    while (this.#flowing && this.#sink !== null && !this.#paused && this.#incoming.length > 0) {
      const chunk = this.#incoming.shift()!;
      this.#paused = !this.#sink.onRequestData(chunk);
      // What a sink keeps without copying becomes garbage, as in the real buffers.
      chunk.fill(0x21);
    }
    if (!this.#flowing || this.#sink === null || this.#paused || !this.#complete || this.#told) return;
    if (this.body === BODY_NONE) return;
    this.#told = true;
    this.#sink.onRequestEnd(null);
  }

  continue(): void {
    this.continued++;
  }

  sendInterim(status: number): void {
    this.interims.push(status);
  }

  sendHead(status: number, reason: string, head: Head, body: number, length: number): void {
    if (this.status !== 0) throw new Error('the head was sent twice');
    this.status = status;
    this.reason = reason;
    this.sentHead = head;
    this.sentBody = body;
    this.sentLength = length;
  }

  sendData(chunk: Buffer): boolean {
    if (this.status === 0 || this.ended) throw new Error('data outside of the body');
    this.data.push(Buffer.from(chunk));
    return --this.window > 0;
  }

  sendEnd(trailers: Head | null): void {
    if (this.status === 0 || this.ended) throw new Error('an end outside of the body');
    this.ended = true;
    this.trailers = trailers;
  }

  fail(error: MultiserverError): void {
    this.failed = error;
    this.error = error;
  }

  get text(): string {
    return Buffer.concat(this.data).toString();
  }

  /** Values of a field of the answer, joined. */
  sent(name: string): string | undefined {
    const pairs = this.sentHead?.pairs ?? [];
    const values = pairs.filter((_, i) => i % 2 === 1 && pairs[i - 1]!.toLowerCase() === name);
    return values.length === 0 ? undefined : values.join(', ');
  }
}
