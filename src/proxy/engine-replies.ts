import type { Endpoint } from '../balance/endpoint.js';
import { BODY_LENGTH, type Head, type Reply } from '../exchange.js';
import { headOf } from '../http1/fields.js';
import { LastingReply } from './lasting-reply.js';

/** The open packet, first in the answer to a handshake; in front of it, in protocol 3, its length. */
const OPEN_PACKET = /^(?:\d+:)?0\{"sid":"([^"\\]{1,256})"/;
const OPEN_LENGTH = 300;

/** To a handshake: tells which session it opens. */
export class HandshakeReply extends LastingReply {
  readonly #onOpen: (sid: string, endpoint: Endpoint) => void;
  #begun = false;

  constructor(reply: Reply, finish: () => void, onOpen: (sid: string, endpoint: Endpoint) => void) {
    super(reply, finish);
    this.#onOpen = onOpen;
  }

  /** Its session does last, and can be ended from its first poll on. */
  drain(): void {}

  sendData(chunk: Buffer): boolean {
    if (!this.#begun) {
      this.#begun = true;
      const sid = OPEN_PACKET.exec(chunk.toString('latin1', 0, OPEN_LENGTH))?.[1];
      if (sid !== undefined) this.#onOpen(sid, this.endpoint!);
    }
    return this.reply.sendData(chunk);
  }
}

/** To a poll, which waits until the server has something to say: as long as that is not so, it can be told that the session is closed. */
export class PollReply extends LastingReply {
  readonly #packet: Buffer;
  readonly #onClose: () => void;
  #begun = false;

  /** `revision` of the protocol. */
  constructor(reply: Reply, finish: () => void, revision: 3 | 4, onClose: () => void) {
    super(reply, finish);
    this.#packet = Buffer.from(revision === 3 ? '1:1' : '1');
    this.#onClose = onClose;
  }

  drain(): void {
    if (!this.#begun) this.finish();
  }

  override sendHead(status: number, reason: string, head: Head, body: number, length: number): void {
    this.#begun = true;
    super.sendHead(status, reason, head, body, length);
  }

  sendData(chunk: Buffer): boolean {
    return this.reply.sendData(chunk);
  }

  override sendEnd(trailers: Head | null): void {
    if (!this.#begun) this.#sendClose();
    super.sendEnd(trailers);
  }

  #sendClose(): void {
    this.#onClose();
    const head = headOf(['Content-Type', 'text/plain; charset=UTF-8', 'Cache-Control', 'no-store']);
    this.sendHead(200, 'OK', head, BODY_LENGTH, this.#packet.length);
    this.sendData(this.#packet);
  }
}
