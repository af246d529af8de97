import type { MultiserverError } from '../errors.js';
import {
  BODY_CHUNKED,
  BODY_CLOSE,
  BODY_LENGTH,
  BODY_NONE,
  BODY_TUNNEL,
  type ClientInfo,
  Exchange,
  type Head,
  type RequestSink,
} from '../exchange.js';
import { withFields } from './fields.js';
import type { ServerConnection } from './server-connection.js';
import { chunkLine, writeInterimHead, writeLastChunk, writeResponseHead } from './writer.js';

// How far the answer is.
const NOTHING = 0;
const HEAD_SENT = 1;
const ENDED = 2;

const NO_FIELDS: Head = { pairs: [], kinds: [], listed: null, memo: null };

/** An exchange over HTTP/1.x: the answer's side. What arrives is the connection's. */
export class ServerExchange extends Exchange {
  sink: RequestSink | null = null;
  /** The sink takes the body. */
  flowing = false;
  /** The body arrived whole (or there is none). */
  received = true;
  /** Octets of the body after which it is refused with 413. */
  maxBody = Infinity;
  bytesSent = 0;
  readonly #connection: ServerConnection;
  #phase = NOTHING;
  #framing = BODY_NONE;
  #left = 0;
  #continued = false;

  constructor(connection: ServerConnection, client: ClientInfo, startedAt: number) {
    super(client, NO_FIELDS, startedAt);
    this.#connection = connection;
  }

  get replyBegun(): boolean {
    return this.#phase !== NOTHING;
  }

  get replyEnded(): boolean {
    return this.#phase === ENDED;
  }

  watch(sink: RequestSink): void {
    this.sink = sink;
  }

  receive(sink: RequestSink): void {
    this.sink = sink;
    this.flowing = true;
    this.#connection.deliver();
  }

  resume(): void {
    this.#connection.resumeBody();
  }

  continue(): void {
    if (!this.expectsContinue || this.#continued || this.#phase !== NOTHING) return;
    this.sendInterim(100, NO_FIELDS);
  }

  limitBody(size: number): void {
    this.maxBody = Math.min(this.maxBody, size);
  }

  sendInterim(status: number, head: Head): void {
    // RFC 9110 §15.2: never to an HTTP/1.0 client.
    if (this.minor === 0 || this.#phase !== NOTHING) return;
    // Nobody waits for their leaving: to a client that does not read, an endpoint could send them without end.
    if (this.#connection.outlet.full) return;
    if (status === 100) {
      this.#continued = true;
      this.#connection.continued();
    }
    this.#connection.outlet.write(writeInterimHead(status, head));
  }

  sendHead(status: number, reason: string, head: Head, body: number, length: number): void {
    if (this.#phase !== NOTHING) return;
    this.#phase = HEAD_SENT;
    this.status = status;
    const connection = this.#connection;
    if (!this.received) connection.closing = true;
    if (this.method === 'HEAD' || status === 204 || status === 304) body = BODY_NONE;
    else if (body === BODY_NONE) {
      body = BODY_LENGTH;
      length = 0;
    } else if (body === BODY_CLOSE) body = BODY_CHUNKED;
    if (body === BODY_CHUNKED && this.minor === 0) {
      body = BODY_CLOSE;
      connection.closing = true;
    }
    this.#framing = body;
    this.#left = body === BODY_LENGTH ? length : body === BODY_NONE ? 0 : Infinity;
    if (body === BODY_CHUNKED || body === BODY_CLOSE) length = -1;
    if (this.replyFields !== null) head = withFields(head, this.replyFields);
    connection.outlet.write(writeResponseHead(status, reason, head, body, length, this.minor, !connection.closing));
    if (body === BODY_TUNNEL) connection.becomeTunnel();
  }

  sendData(chunk: Buffer): boolean {
    const size = chunk.length;
    if (this.#phase !== HEAD_SENT || size === 0) return true;
    if (this.#framing === BODY_NONE) return true;
    // More than was announced would be read as the next answer.
    if (size > this.#left) {
      this.#cut();
      return true;
    }
    this.#left -= size;
    this.bytesSent += size;
    const connection = this.#connection;
    const chunked = this.#framing === BODY_CHUNKED;
    const room = connection.outlet.writeParts(chunked ? chunkLine(size) : '', chunk, chunked ? '\r\n' : '');
    if (!room) connection.blockReply();
    return room;
  }

  sendEnd(trailers: Head | null): void {
    if (this.#phase !== HEAD_SENT) return;
    if (this.#framing === BODY_LENGTH && this.#left > 0) {
      this.#cut();
      return;
    }
    if (this.#framing === BODY_CHUNKED) this.#connection.outlet.write(writeLastChunk(trailers));
    this.#phase = ENDED;
    this.#connection.replyEnded();
  }

  fail(error: MultiserverError): void {
    if (this.#phase === ENDED) return;
    this.error = error;
    if (this.#phase === NOTHING && error.status !== 0) this.#connection.answerError(this, error);
    else this.#cut();
  }

  /** Ends the answer so that the client sees that it is not complete (RFC 9112 §8). */
  #cut(): void {
    this.#phase = ENDED;
    // Only a reset tells a client of a close-delimited body that something is missing.
    this.#connection.cut(this.#framing === BODY_CLOSE);
  }
}
