import type { Endpoint } from '../balance/endpoint.js';
import type { MultiserverError } from '../errors.js';
import { BODY_LENGTH, BODY_TUNNEL, type Head, type Reply } from '../exchange.js';
import { F_CONTENT_ENCODING, F_CONTENT_TYPE } from '../http1/fields.js';
import { FrameFollower } from '../http1/frame-follower.js';

/** An answer that may last for hours, and that can be brought to an orderly end before its endpoint ends it. */
export abstract class LastingReply implements Reply {
  protected readonly reply: Reply;
  protected readonly finish: () => void;
  /** That answers. */
  endpoint: Endpoint | null = null;
  protected draining = false;

  constructor(reply: Reply, finish: () => void) {
    this.reply = reply;
    this.finish = finish;
  }

  /** Ends at the next place where it can be done without harm; the client may come again at once, and gets another endpoint. */
  abstract drain(): void;
  abstract sendData(chunk: Buffer): boolean;

  sendInterim(status: number, head: Head): void {
    this.reply.sendInterim(status, head);
  }

  sendHead(status: number, reason: string, head: Head, body: number, length: number): void {
    this.reply.sendHead(status, reason, head, body, length);
  }

  sendEnd(trailers: Head | null): void {
    this.reply.sendEnd(trailers);
  }

  fail(error: MultiserverError): void {
    this.reply.fail(error);
  }
}

export function isEventStream({ pairs, kinds }: Head): boolean {
  const at = kinds.indexOf(F_CONTENT_TYPE);
  if (at < 0) return false;
  const type = pairs[2 * at + 1]!;
  // Most others are told by their length or their sixth letter.
  return type.length >= 17 && (type.charCodeAt(5) | 32) === 101 && /^text\/event-stream\b/i.test(type);
}

/** Status 1001, "going away" (RFC 6455 §7.4.1), as a server sends it: not masked. */
const GOING_AWAY = Buffer.of(0x88, 0x02, 0x03, 0xe9);
/** For the client to answer the Close frame, and the endpoint to see that answer, ms. */
const CLOSE_TIMEOUT = 2000;

/** A WebSocket: ends with a Close frame between two frames of the endpoint's. */
export class TunnelReply extends LastingReply {
  readonly #frames = new FrameFollower();
  #timer: NodeJS.Timeout | null = null;

  drain(): void {
    if (this.draining) return;
    this.draining = true;
    if (this.#frames.between) this.#close();
  }

  sendData(chunk: Buffer): boolean {
    if (this.#timer !== null) return true;
    const to = this.#frames.follow(chunk, 0, chunk.length, this.draining);
    const room = this.reply.sendData(to === chunk.length ? chunk : chunk.subarray(0, to));
    if (this.draining && this.#frames.between) this.#close();
    return room;
  }

  override sendEnd(trailers: Head | null): void {
    this.#clear();
    super.sendEnd(trailers);
  }

  override fail(error: MultiserverError): void {
    this.#clear();
    super.fail(error);
  }

  /** What the client says from now on, its own Close frame, still reaches the endpoint. */
  #close(): void {
    if (this.#frames.closed) return;
    this.reply.sendData(GOING_AWAY);
    this.#timer = setTimeout(this.finish, CLOSE_TIMEOUT);
  }

  #clear(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
  }
}

const LINE_END = String.raw`(?:\r\n|\n|\r(?!\n))`;
/** The blank line after an event (WHATWG HTML §9.2.6). */
const EVENT_END = new RegExp(String.raw`${LINE_END}(?:\r\n|\n|\r)`, 'g');
const ENDS_EVENT = new RegExp(String.raw`${LINE_END}(?:\r\n|\n|\r)$`);
/** So many octets at the end of what was sent may be part of a blank line. */
const TAIL = 3;

/** An event stream: ends after an event; browsers reconnect by themselves. */
export class EventStreamReply extends LastingReply {
  #tail = '\n\n';

  drain(): void {
    if (this.draining) return;
    this.draining = true;
    if (ENDS_EVENT.test(this.#tail)) this.finish();
  }

  sendData(chunk: Buffer): boolean {
    if (this.draining) {
      const end = endOfEvent(this.#tail, chunk.toString('latin1'));
      if (end >= 0) {
        this.reply.sendData(chunk.subarray(0, end));
        this.finish();
        return true;
      }
    }
    const { length } = chunk;
    this.#tail = (this.#tail + chunk.toString('latin1', Math.max(0, length - TAIL), length)).slice(-TAIL);
    return this.reply.sendData(chunk);
  }
}

/** Where in `text`, which follows `before`, the first event ends; -1: nowhere. */
function endOfEvent(before: string, text: string): number {
  for (const match of (before + text).matchAll(EVENT_END)) {
    const end = match.index + match[0].length - before.length;
    if (end > 0) return end;
  }
  return -1;
}

/** `finish` is called when the endpoint is wanted no more. Null: an answer that only its endpoint can end. */
export function lastingReply(reply: Reply, head: Head, body: number, finish: () => void): LastingReply | null {
  if (body === BODY_TUNNEL) return new TunnelReply(reply, finish);
  // Within a coding no event's end can be seen, and a length leaves no other end.
  return body === BODY_LENGTH || head.kinds.includes(F_CONTENT_ENCODING) ? null : new EventStreamReply(reply, finish);
}
