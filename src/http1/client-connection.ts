import type { Socket } from 'node:net';
import { type ErrorCode, MultiserverError } from '../errors.js';
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE, BODY_TUNNEL, type ClientInfo, type Head } from '../exchange.js';
import type { Limit } from '../util/limits.js';
import { runClock, stopClock } from '../util/clock.js';
import { Outlet } from '../util/outlet.js';
import { readFromEndpoints } from '../util/read-buffer.js';
import { BodyDecoder } from './body-decoder.js';
import { codeOfTimeout, connectFailure, describe, wasReset } from './client-errors.js';
import type { ClientSettings, Dial, ResponseHandler } from './client-settings.js';
import { Framing, frameResponse } from './framing.js';
import { FAILED, HeadParser, NEED_MORE, RESPONSE } from './head-parser.js';
import { WriteStall } from './write-stall.js';
import { chunkLine, writeLastChunk } from './writer.js';

const CONNECTING = 0;
const IDLE = 1;
/** The response's head is awaited. */
const AWAITING = 2;
const IN_BODY = 3;
const IN_TUNNEL = 4;
const CLOSED = 5;

/** How long a tunnel stays half open. */
const AFTER_TUNNEL_MS = 10_000;

/** One connection to an endpoint: one request after the other; whatever is not plainly the answer throws it away (RFC 9112 §9). */
export class ClientConnection {
  readonly socket: Socket;
  /** Whose requests alone it may carry: the endpoint was told so; null: anybody's. */
  client: ClientInfo | null = null;
  /** Requests sent over it. */
  requests = 0;
  /** An octet of the answer in progress has come. */
  answered = false;
  /** ms that the endpoint says it keeps an idle connection; Infinity: it says nothing. */
  keepAliveTimeout = Infinity;
  /** Since when it is idle, on the balancer's clock. */
  idleSince = 0;
  readonly #settings: ClientSettings;
  readonly #outlet: Outlet;
  readonly #parser: HeadParser;
  readonly #framing = new Framing();
  readonly #body: BodyDecoder;
  #handler: ResponseHandler | null = null;
  #state = CONNECTING;
  #method = '';
  #upgrade = false;
  #requestBody = BODY_NONE;
  #requestDone = false;
  /** Departures from the outlet before the request in progress. */
  #departures = 0;
  #reusable = false;
  #paused = false;
  #blocked = false;
  readonly #stall: WriteStall;
  #deadline: number;
  /** The limit that the deadline is of. */
  #limit: Limit = 'connectTimeout';
  #idleTimeout = 0;

  constructor(dial: Dial, settings: ClientSettings, handler: ResponseHandler) {
    this.#settings = settings;
    this.#parser = new HeadParser(RESPONSE, settings, settings.repeated);
    this.#body = new BodyDecoder(settings);
    this.#handler = handler;
    this.#deadline = settings.now() + settings.connectTimeout;
    const socket = dial({
      buffer: readFromEndpoints.octets,
      callback: (size: number, buf: Uint8Array) => this.#onRead(size, buf as Buffer),
    });
    this.socket = socket;
    this.#outlet = new Outlet(socket);
    this.#stall = new WriteStall(socket);
    socket.on('encrypted' in socket ? 'secureConnect' : 'connect', () => this.#onConnect());
    socket.on('end', () => this.#onEnd());
    socket.on('drain', () => this.#onDrain());
    socket.on('error', (error: NodeJS.ErrnoException) => this.#onError(error));
    socket.on('close', () => this.#onClose());
  }

  get connected(): boolean {
    return this.#state !== CONNECTING;
  }

  get idle(): boolean {
    return this.#state === IDLE;
  }

  /** Connecting, too, must not take longer than the exchange has left. */
  connectBy(deadline: number): void {
    if (this.#state !== CONNECTING || deadline >= this.#deadline) return;
    this.#deadline = deadline;
    this.#limit = 'timeout';
  }

  /** Takes an idle connection for `handler`. */
  assign(handler: ResponseHandler): void {
    this.#handler = handler;
  }

  // ---- the request

  /** Begins a request. */
  begin(head: string, method: string, body: number, upgrade: boolean): void {
    this.requests++;
    this.answered = false;
    this.#method = method;
    this.#requestBody = body;
    this.#upgrade = upgrade;
    this.#requestDone = false;
    this.#state = AWAITING;
    this.#deadline = Infinity;
    this.#departures = this.#outlet.departures;
    this.#outlet.write(head);
  }

  /** Whether anything of the request in progress has left; a piece of its body may wait after that. */
  get sent(): boolean {
    return this.#outlet.departures !== this.#departures;
  }

  /** False: stop until {@link ResponseHandler.onRequestDrain}. */
  sendData(chunk: Buffer): boolean {
    // As long as the client has more to say, no answer is due.
    if (this.#state === AWAITING) this.#deadline = Infinity;
    const chunked = this.#requestBody === BODY_CHUNKED;
    const room = this.#outlet.writeParts(chunked ? chunkLine(chunk.length) : '', chunk, chunked ? '\r\n' : '');
    if (!room && !this.#blocked) {
      this.#blocked = true;
      this.#stall.watch(this.#settings.now());
    }
    return room;
  }

  /** The whole request has been handed over; see {@link expectAnswer}. */
  sendEnd(trailers: Head | null, deadline: number): void {
    if (this.#state === IN_TUNNEL) {
      this.#outlet.end();
      // The client has said its last; the endpoint gets a moment for its own.
      this.#idleTimeout = Math.min(this.#idleTimeout, AFTER_TUNNEL_MS);
      this.#touch();
      return;
    }
    if (this.#requestBody === BODY_CHUNKED) this.#outlet.write(writeLastChunk(trailers));
    this.#requestDone = true;
    this.expectAnswer(deadline);
  }

  /** The answer's head must be there within `responseTimeout` from now, and by `deadline` on the balancer's clock. */
  expectAnswer(deadline: number): void {
    if (this.#state !== AWAITING) return;
    const own = this.#settings.now() + this.#settings.responseTimeout;
    this.#deadline = Math.min(deadline, own);
    this.#limit = deadline < own ? 'timeout' : 'responseTimeout';
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#touch();
    this.socket.resume();
  }

  /** Gives the request up; the handler hears nothing more. */
  abort(): void {
    this.#handler = null;
    this.#state = CLOSED;
    this.socket.destroy();
  }

  destroy(): void {
    this.socket.destroy();
  }

  // ---- the answer

  #onRead(size: number, buf: Buffer): boolean {
    if (this.#state === IDLE || this.#state === CLOSED) {
      // Nobody asked (RFC 9112 §9.2): whatever it is, it is no answer.
      this.socket.destroy();
      return false;
    }
    if (this.#state === AWAITING && this.requests > 1 && !this.sent) {
      // Nor is it the answer to what waits to leave.
      this.#fail('MS_ENDPOINT_CLOSED');
      return false;
    }
    this.answered = true;
    stopClock();
    try {
      this.#take(buf, 0, size);
    } finally {
      runClock();
    }
    return !this.#paused;
  }

  #touch(): void {
    if (this.#state >= IN_BODY && this.#state !== CLOSED) this.#deadline = this.#settings.now() + this.#idleTimeout;
  }

  #take(buf: Buffer, p: number, end: number): void {
    if (this.#state !== AWAITING) this.#touch();
    while (p < end) {
      switch (this.#state) {
        case AWAITING:
          p = this.#takeHead(buf, p, end);
          break;
        case IN_BODY: {
          const body = this.#body;
          p = body.decode(buf, p, end);
          this.#data(readFromEndpoints.view(buf, body.dataStart, body.dataEnd));
          if (this.#state !== IN_BODY) return;
          if (body.error !== '') {
            this.#hit(body.hit);
            return this.#fail('MS_BAD_RESPONSE', 'The endpoint sent an invalid chunk or trailer.');
          }
          if (body.done) this.#ended(body.trailers, p < end);
          break;
        }
        case IN_TUNNEL:
          this.#data(readFromEndpoints.view(buf, p, end));
          return;
        default:
          // Octets after the answer: nobody's.
          this.socket.destroy();
          return;
      }
    }
  }

  #data(piece: Buffer): void {
    const handler = this.#handler;
    if (handler === null || piece.length === 0 || handler.onResponseData(piece)) return;
    this.#paused = true;
    this.#deadline = Infinity;
    this.socket.pause();
  }

  #takeHead(buf: Buffer, p: number, end: number): number {
    const parser = this.#parser;
    const position = parser.parse(buf, p, end);
    if (position === NEED_MORE) return end;
    if (position === FAILED) {
      this.#hit(parser.hit);
      this.#fail('MS_BAD_RESPONSE', 'The endpoint sent a head that is not valid HTTP/1.1.');
      return end;
    }
    parser.reset();
    const { status, pairs, kinds } = parser;
    const framing = this.#framing;
    frameResponse(framing, pairs, kinds, parser.minor, status, this.#method, this.#upgrade);
    if (framing.error !== '') {
      this.#fail(
        'MS_BAD_RESPONSE',
        `The endpoint's answer (status ${status}) has an invalid status, length or upgrade.`,
      );
      return end;
    }
    const head = parser.head(framing.listed);
    const handler = this.#handler!;
    if (status < 200 && status !== 101) {
      handler.onInterim(status, head);
      return position;
    }
    this.#reusable = framing.keepAlive;
    this.keepAliveTimeout = framing.keepAliveTimeout;
    this.#idleTimeout = this.#settings.responseIdleTimeout;
    this.#limit = 'responseIdleTimeout';
    const { body, length } = framing;
    if (body === BODY_TUNNEL) {
      this.#reusable = false;
      this.#idleTimeout = this.#settings.tunnelIdleTimeout;
      this.#limit = 'tunnelIdleTimeout';
      this.#state = IN_TUNNEL;
    } else {
      this.#state = IN_BODY;
      this.#body.begin(body, body === BODY_LENGTH ? length : Infinity);
    }
    this.#touch();
    handler.onResponseHead(status, parser.reason, head, body, length);
    const empty = body === BODY_NONE || (body === BODY_LENGTH && length === 0);
    if (empty && this.#state === IN_BODY) this.#ended(null, position < end);
    return position;
  }

  /** Event streams and the like may be silent for longer. */
  allowSilence(): void {
    this.#idleTimeout = this.#settings.tunnelIdleTimeout;
    this.#limit = 'tunnelIdleTimeout';
    this.#touch();
  }

  #ended(trailers: Head | null, surplus: boolean): void {
    const handler = this.#handler;
    this.#handler = null;
    // Only a connection on which both messages are whole and nothing else came can carry another request.
    const reusable = this.#reusable && this.#requestDone && !surplus && !this.#blocked && this.#outlet.settled;
    this.#state = reusable ? IDLE : CLOSED;
    this.#deadline = Infinity;
    if (this.#paused) {
      this.#paused = false;
      this.socket.resume();
    }
    if (reusable) this.#settings.onIdle(this);
    else this.socket.destroy();
    handler?.onResponseEnd(trailers);
  }

  #hit(limit: Limit | ''): void {
    if (limit !== '') this.#settings.hits[limit]++;
  }

  #fail(code: ErrorCode, message?: string, cause?: unknown): void {
    const handler = this.#handler;
    this.#handler = null;
    this.#state = CLOSED;
    this.socket.destroy();
    handler?.onResponseError(new MultiserverError(code, message, cause === undefined ? undefined : { cause }));
  }

  // ---- events and time

  #onConnect(): void {
    if (this.#state !== CONNECTING) return;
    this.#state = IDLE;
    this.#deadline = Infinity;
    this.#handler?.onConnected();
  }

  #onDrain(): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    this.#stall.end();
    this.#handler?.onRequestDrain();
  }

  /** The endpoint closed its side in an orderly way. */
  #onEnd(): void {
    switch (this.#state) {
      case IDLE:
        this.socket.destroy();
        break;
      case AWAITING:
        this.#fail(wasReset(this.socket) ? 'MS_ENDPOINT_RESET' : 'MS_ENDPOINT_CLOSED');
        break;
      case IN_BODY:
        if (this.#body.endless && !wasReset(this.socket)) this.#ended(null, false);
        else this.#fail('MS_RESPONSE_CUT');
        break;
      case IN_TUNNEL:
        // The endpoint has said its last, and nobody is left to hear the client's.
        this.#ended(null, false);
        break;
      case CLOSED:
        break;
      default:
        this.#fail('MS_RESPONSE_CUT');
    }
  }

  #onError(error: NodeJS.ErrnoException): void {
    if (this.#handler === null) return;
    const where = describe(error);
    if (this.#state === CONNECTING) this.#fail(...connectFailure(error), error);
    else if (this.#state === AWAITING)
      this.#fail('MS_ENDPOINT_RESET', `The connection to the endpoint broke${where}.`, error);
    else this.#fail('MS_RESPONSE_CUT', `The endpoint's answer was cut${where}.`, error);
  }

  #onClose(): void {
    if (this.#handler !== null) {
      if (this.#state === CONNECTING) this.#fail('MS_CONNECT_FAILED');
      else this.#fail(this.#state === AWAITING ? 'MS_ENDPOINT_CLOSED' : 'MS_RESPONSE_CUT');
    }
    this.#state = CLOSED;
    this.#settings.onClose(this);
  }

  tick(now: number): void {
    if (this.#handler === null) return;
    // Once the answer has begun, it is for the endpoint to say how much of the request it wants.
    if (this.#state !== IN_BODY && this.#stall.lasts(now, this.#settings.responseTimeout)) {
      this.#hit('responseTimeout');
      this.#fail('MS_RESPONSE_TIMEOUT', 'The endpoint took nothing of the request body for too long.');
    } else if (now >= this.#deadline) {
      this.#hit(this.#limit);
      this.#fail(codeOfTimeout(this.#limit));
    }
  }
}
