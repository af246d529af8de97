import type { Socket } from 'node:net';
import { type ErrorCode, MultiserverError } from '../errors.js';
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE, type ClientInfo } from '../exchange.js';
import type { Limit } from '../util/limits.js';
import { Outlet } from '../util/outlet.js';
import { readFromClients } from '../util/read-buffer.js';
import { Backlog } from './backlog.js';
import { BodyDecoder } from './body-decoder.js';
import { BodyPace } from './body-pace.js';
import { Framing } from './framing.js';
import { HalfClose } from './half-close.js';
import { FAILED, HeadParser, NEED_MORE, REQUEST } from './head-parser.js';
import { Linger } from './linger.js';
import { readRequestHead } from './request-head.js';
import { ServerExchange } from './server-exchange.js';
import type { ServerSettings } from './server-settings.js';
import { resetNow, WriteStall } from './write-stall.js';

/** Before a connection without a request is closed because all are, ms. */
const LAST_WAIT = 1000;

// What the next octets are.
const IN_HEAD = 0;
const IN_BODY = 1;
/** The next request, which waits until this one is answered. */
const IN_WAIT = 2;
const IN_TUNNEL = 3;
/** Nothing more: read only so that the close can be seen, and thrown away. */
const IN_NOTHING = 4;

/** One client connection: bytes to exchanges, one after the other, with the limits and time-outs of `spec` (RFC 9112 §9). */
export class ServerConnection {
  readonly socket: Socket;
  readonly outlet: Outlet;
  readonly client: ClientInfo;
  exchange: ServerExchange | null = null;
  /** Closes after the answer in progress. */
  closing = false;
  readonly #settings: ServerSettings;
  readonly #parser: HeadParser;
  readonly #framing = new Framing();
  readonly #pace: BodyPace;
  #body: BodyDecoder | null = null;
  #input = IN_HEAD;
  readonly #backlog: Backlog;
  readonly #stall: WriteStall;
  readonly #linger: Linger;
  readonly #halfClose = new HalfClose();
  #running = false;
  #requests = 0;
  /** The wait for a request, or for the rest of its head, began. */
  #since: number;
  #blocked = false;
  #closed = false;

  constructor(socket: Socket, client: ClientInfo, settings: ServerSettings) {
    this.socket = socket;
    this.outlet = new Outlet(socket);
    this.client = client;
    this.#settings = settings;
    this.#parser = new HeadParser(REQUEST, settings);
    this.#pace = new BodyPace(settings);
    this.#backlog = new Backlog(socket);
    this.#stall = new WriteStall(socket);
    this.#linger = new Linger(socket, this.outlet, this.#stall, settings.now);
    this.#since = settings.now();
    socket.on('end', () => this.#onEnd());
    socket.on('drain', () => this.#onDrain());
    socket.on('error', () => {});
    socket.on('close', () => this.#onClose());
  }

  /** Neither an exchange nor a part of one. */
  get idle(): boolean {
    return this.exchange === null && !this.#parser.begun;
  }

  /** ms without a request since the last answer, or since it was opened. */
  idleFor(now: number): number {
    return this.idle && this.#input === IN_HEAD ? now - this.#since : 0;
  }

  // ---- what arrives

  /** Takes the first `size` octets of `buf`, which are the caller's again afterwards. */
  onRead(buf: Buffer, size: number): void {
    if (this.#input === IN_NOTHING) this.#linger.discard(size);
    else if (this.#backlog.empty) this.#take(buf, 0, size);
    else this.#backlog.keep(buf, 0, size);
  }

  /** Takes octets as far as they can be taken now; the rest waits in the backlog. */
  #take(buf: Buffer, p: number, end: number): void {
    this.#running = true;
    while (p < end) {
      const input = this.#input;
      if (input === IN_HEAD) {
        if (this.#blocked) break;
        p = this.#takeHead(buf, p, end);
      } else if (input === IN_BODY) {
        if (this.#pace.paused || !this.exchange!.flowing) break;
        p = this.#takeBody(buf, p, end);
      } else if (input === IN_TUNNEL) {
        if (this.#pace.paused || !this.exchange!.flowing) break;
        this.#deliver(readFromClients.view(buf, p, end));
        p = end;
      } else if (input === IN_WAIT) break;
      else p = end;
    }
    this.#running = false;
    if (p < end) this.#backlog.keep(buf, p, end);
  }

  /** Goes on with what waits. */
  #proceed(): void {
    if (this.#running || this.#closed) return;
    const octets = this.#backlog.take();
    if (octets !== null) this.#take(octets, 0, octets.length);
    if (!this.#backlog.empty) return;
    if (this.#halfClose.begun) this.#onInputEnd();
    else if (!this.#pace.paused) this.#backlog.resume();
  }

  #takeHead(buf: Buffer, p: number, end: number): number {
    const parser = this.#parser;
    if (!parser.begun) this.#since = this.#settings.now();
    const position = parser.parse(buf, p, end);
    if (position === NEED_MORE) return end;
    const now = this.#settings.now();
    const exchange = new ServerExchange(this, this.client, now);
    this.exchange = exchange;
    if (position === FAILED) {
      this.#hit(parser.hit);
      this.refuse(exchange, new MultiserverError(parser.error as ErrorCode));
      return end;
    }
    parser.reset();
    const framing = this.#framing;
    const error = readRequestHead(parser, framing, exchange);
    if (error !== '') {
      this.refuse(exchange, new MultiserverError(error));
      return end;
    }
    if (!framing.keepAlive) this.closing = true;
    else if (++this.#requests >= this.#settings.maxRequestsPerConnection) {
      this.closing = true;
      this.#hit('maxRequestsPerConnection');
    }
    exchange.maxBody = this.#settings.maxBodySize;
    if (exchange.body === BODY_NONE || (exchange.body === BODY_LENGTH && exchange.length === 0)) {
      this.#input = IN_WAIT;
    } else {
      if (exchange.body === BODY_LENGTH && exchange.length > exchange.maxBody) {
        this.#hit('maxBodySize');
        this.refuse(exchange, new MultiserverError('MS_BODY_TOO_LARGE'));
        return end;
      }
      exchange.received = false;
      (this.#body ??= new BodyDecoder(this.#settings)).begin(exchange.body, exchange.length);
      this.#pace.begin(exchange.expectsContinue);
      this.#input = IN_BODY;
    }
    this.#settings.onExchange(exchange);
    return position;
  }

  #takeBody(buf: Buffer, p: number, end: number): number {
    const exchange = this.exchange!;
    const body = this.#body!;
    const position = body.decode(buf, p, end);
    // A chunk's line counts as progress of the body, or endless tiny chunks would look slow.
    this.#pace.count(position - p);
    if (exchange.body === BODY_CHUNKED) exchange.length += body.dataEnd - body.dataStart;
    const tooLarge = exchange.length > exchange.maxBody;
    const error = tooLarge ? 'MS_BODY_TOO_LARGE' : body.error;
    if (error !== '') {
      this.#hit(tooLarge ? 'maxBodySize' : body.hit);
      this.#abandon(new MultiserverError(error));
      return end;
    }
    const { done } = body;
    if (done) {
      this.#input = IN_WAIT;
      exchange.received = true;
    }
    this.#deliver(readFromClients.view(buf, body.dataStart, body.dataEnd));
    if (done && this.exchange === exchange) exchange.sink?.onRequestEnd(body.trailers);
    return position;
  }

  #hit(limit: Limit | ''): void {
    if (limit !== '') this.#settings.hits[limit]++;
  }

  #deliver(piece: Buffer): void {
    const sink = this.exchange?.sink;
    if (piece.length === 0 || !sink || sink.onRequestData(piece)) return;
    this.#pace.pause();
    this.#backlog.pause();
  }

  // ---- what the exchange asks for

  /** Somebody takes the body from now on; time that it had to wait is not the client's. */
  deliver(): void {
    this.#pace.restart();
    this.#proceed();
  }

  resumeBody(): void {
    if (!this.#pace.paused) return;
    this.#pace.resume();
    this.#proceed();
  }

  continued(): void {
    this.#pace.begin(false);
  }

  becomeTunnel(): void {
    this.closing = true;
    this.#input = IN_TUNNEL;
    this.#proceed();
  }

  /** Too much waits for the client: the sink hears `onReplyDrain` when it has left. */
  blockReply(): void {
    if (this.#blocked) return;
    this.#blocked = true;
    this.#stall.watch(this.#settings.now());
  }

  replyEnded(): void {
    const exchange = this.exchange!;
    if (exchange.received) this.#next();
    else {
      // The answer came before the body was whole: the rest is of no use to anybody.
      this.#finish(exchange);
      this.#leave();
    }
  }

  /** Answers with an error of our own; the connection may go on. */
  answerError(exchange: ServerExchange, error: MultiserverError): void {
    exchange.sink = null;
    this.#settings.onRefused(exchange, error);
  }

  /** Answers with an error of our own and closes: what follows cannot be told apart. */
  refuse(exchange: ServerExchange, error: MultiserverError): void {
    this.closing = true;
    this.#input = IN_NOTHING;
    this.#backlog.take();
    exchange.error = error;
    this.answerError(exchange, error);
  }

  cut(reset: boolean): void {
    if (this.exchange !== null) this.#finish(this.exchange);
    this.#input = IN_NOTHING;
    this.#linger.begin();
    if (reset) resetNow(this.socket);
    else this.outlet.close();
  }

  /** Closes when it can: when it has been idle for a while, for a request may be on its way; else after the next answer. */
  close(): void {
    this.closing = true;
    if (this.idleFor(this.#settings.now()) >= LAST_WAIT) this.#leave();
  }

  destroy(): void {
    this.socket.destroy();
  }

  // ---- between exchanges

  #finish(exchange: ServerExchange): void {
    this.exchange = null;
    exchange.sink = null;
    this.#settings.onExchangeEnd(exchange);
  }

  #next(): void {
    this.#finish(this.exchange!);
    if (this.closing) return this.#leave();
    this.#input = IN_HEAD;
    this.#pace.paused = false;
    if (this.outlet.full) this.blockReply();
    this.#since = this.#settings.now();
    this.#proceed();
  }

  /** Half-closes and waits for the client to do the same, so that the last answer arrives (RFC 9112 §9.6). */
  #leave(): void {
    this.#input = IN_NOTHING;
    this.#backlog.take();
    this.#linger.begin();
    if (this.#halfClose.begun) this.outlet.close();
    else this.outlet.end();
    this.#backlog.resume();
  }

  #abandon(error: MultiserverError): void {
    const exchange = this.exchange!;
    const sink = exchange.sink;
    exchange.sink = null;
    exchange.error = error;
    sink?.onClientGone(error);
    if (this.exchange !== exchange) return;
    if (error.status !== 0 && !exchange.replyBegun) this.refuse(exchange, error);
    else exchange.fail(error);
  }

  // ---- events and time

  #onDrain(): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    this.#stall.end();
    const sink = this.exchange?.sink;
    if (sink) sink.onReplyDrain();
    else this.#proceed();
  }

  #onEnd(): void {
    this.#halfClose.begin(this.#settings.now());
    if (this.#input === IN_NOTHING) this.outlet.close();
    else if (this.#backlog.empty) this.#onInputEnd();
  }

  /** All has been taken that the client sent before it closed its side. */
  #onInputEnd(): void {
    const { exchange } = this;
    if (exchange === null) {
      if (this.#input !== IN_NOTHING) this.#leave();
    } else if (this.#input === IN_TUNNEL) {
      this.#input = IN_NOTHING;
      exchange.sink?.onRequestEnd(null);
    } else if (!exchange.received) {
      // The body can never become whole.
      this.#abandon(new MultiserverError('MS_CLIENT_GONE'));
    }
  }

  #onClose(): void {
    this.#closed = true;
    this.#input = IN_NOTHING;
    this.#backlog.take();
    const exchange = this.exchange;
    if (exchange !== null) {
      const { sink } = exchange;
      exchange.error ??= new MultiserverError('MS_CLIENT_GONE');
      this.#finish(exchange);
      sink?.onClientGone(exchange.error);
    }
    this.#settings.onClose(this);
  }

  /** Called a few times a second; all time-outs are looked at here, so that a request sets no timer. */
  tick(now: number): void {
    if (this.#stall.lasts(now, this.#settings.writeTimeout)) {
      this.#hit('writeTimeout');
      if (this.exchange !== null) this.#abandon(new MultiserverError('MS_CLIENT_STALLED'));
      resetNow(this.socket);
      return;
    }
    const exchange = this.exchange;
    if (this.#input === IN_NOTHING) {
      if (this.#linger.isOver(now)) this.socket.destroy();
    } else if (exchange === null) {
      const { headTimeout, keepAliveTimeout } = this.#settings;
      if (this.idle && this.closing) this.close();
      else if (now - this.#since >= (this.#parser.begun ? headTimeout : keepAliveTimeout)) this.#onWaitOver(now);
    } else if (!exchange.received && !exchange.replyBegun && exchange.flowing && this.#pace.runs) {
      const limit = this.#pace.exceeds(now);
      if (limit === '') return;
      this.#hit(limit);
      this.#abandon(new MultiserverError('MS_REQUEST_TIMEOUT'));
    } else if (this.#halfClose.begun && this.#input !== IN_TUNNEL && !this.#blocked) {
      if (!this.#halfClose.looksGone(now, exchange.bytesSent)) return;
      this.#abandon(new MultiserverError('MS_CLIENT_GONE'));
      this.socket.destroy();
    }
  }

  /** A request did not come, or not whole. */
  #onWaitOver(now: number): void {
    if (this.#parser.begun) {
      this.#hit('headTimeout');
      this.exchange = new ServerExchange(this, this.client, now);
      this.refuse(this.exchange, new MultiserverError('MS_REQUEST_TIMEOUT'));
    } else {
      this.#hit('keepAliveTimeout');
      this.#leave();
    }
  }
}
