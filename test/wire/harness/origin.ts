import assert from 'node:assert/strict';
import net, { type AddressInfo, type Socket } from 'node:net';
import { Body } from './body.js';
import { readHead, requestFraming, type Head } from './message.js';
import { whenOver } from './patience.js';
import { PATIENCE, Peer, type Where } from './peer.js';
import type { Transcript } from './transcript.js';

/** One request as it arrived at the origin, and the means to answer it. */
export class Call {
  readonly method: string;
  readonly target: string;
  readonly version: string;
  readonly head: Head;
  readonly body: Body;
  readonly peer: OriginPeer;

  constructor(peer: OriginPeer, head: Head) {
    [this.method, this.target, this.version] = head.startLine.split(' ') as [string, string, string];
    this.head = head;
    this.body = new Body(requestFraming(head));
    this.peer = peer;
  }

  field(name: string): string | undefined {
    return this.head.field(name);
  }

  /** Waits for the whole body. */
  async whole(text?: string): Promise<this> {
    await this.peer.until('the whole body of the request', () => {
      if (this.body.done) return true;
      if (this.peer.ended || this.peer.gone)
        throw this.peer.unmet(`the body's end (${this.body.size} bytes came)`, 'the end of the connection');
      return undefined;
    });
    if (text !== undefined) assert.equal(this.body.text, text, 'body of the request');
    return this;
  }

  /** At least so many bytes of the body. */
  async upTo(size: number): Promise<void> {
    await this.peer.until(`${size} bytes of body`, () => this.body.size >= size || undefined);
  }

  /** The request's body must end visibly cut. */
  async expectCut(): Promise<void> {
    await this.peer.until('the request to be cut', () => {
      if (this.body.done) throw this.peer.unmet('a cut request', 'its clean end');
      return this.peer.ended || this.peer.gone || undefined;
    });
  }

  /** Answers with a status, a body with its length, and more fields. */
  answer(status: number, body = '', ...fields: string[]): this {
    this.peer.send(response(status, body, ...fields));
    return this;
  }

  send(...bytes: (string | Buffer)[]): this {
    this.peer.send(...bytes);
    return this;
  }
}

export const head = (startLine: string, ...fields: string[]): string => [startLine, ...fields, '', ''].join('\r\n');
export const response = (status: number, body = '', ...fields: string[]): string =>
  head(`HTTP/1.1 ${status} Scripted`, ...fields, `Content-Length: ${Buffer.byteLength(body, 'latin1')}`) + body;

/** A connection at the origin: takes requests apart as they arrive. */
export class OriginPeer extends Peer {
  readonly #onCall: (call: Call) => void;
  /** After an upgrade request the bytes are no longer HTTP: they stay in {@link Peer.input}. */
  #tunnel = false;
  #call: Call | null = null;
  /** Every byte that arrived. */
  raw: Buffer = Buffer.alloc(0);

  constructor(name: string, socket: Socket, transcript: Transcript, onCall: (call: Call) => void) {
    super(name, socket, transcript);
    this.#onCall = onCall;
  }

  protected override take(chunk: Buffer): void {
    super.take(chunk);
    if (this.raw.length < RAW_KEPT) this.raw = Buffer.concat([this.raw, chunk]);
    while (this.input.length > 0 && !this.#tunnel) {
      if (this.#call === null || this.#call.body.done) {
        const read = readHead(this.input);
        if (read === undefined) return;
        this.input = this.input.subarray(read.used);
        this.#call = new Call(this, read.head);
        this.#tunnel = read.head.field('upgrade') !== undefined;
        this.#onCall(this.#call);
      }
      const used = this.#call.body.feed(this.input);
      if (used === 0 && !this.#call.body.done) return;
      this.input = this.input.subarray(used);
    }
  }
}

const RAW_KEPT = 256 * 1024;

/** The endpoint of a test: a raw server that answers only what it is told to. */
export class Origin {
  readonly name: string;
  readonly peers: OriginPeer[] = [];
  /** All requests that ever arrived, in order. */
  readonly calls: Call[] = [];
  readonly #server: net.Server;
  readonly #transcript: Transcript;
  readonly #waits = new Set<() => void>();
  #next = 0;
  /** Answers every request at once when set. */
  onCall: ((call: Call) => void) | null = null;

  constructor(name: string, transcript: Transcript) {
    this.name = name;
    this.#transcript = transcript;
    this.#server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
  }

  #accept(socket: Socket): void {
    const peer = new OriginPeer(`${this.name}#${this.peers.length + 1}`, socket, this.#transcript, (call) => {
      this.calls.push(call);
      this.onCall?.(call);
      this.#changed();
    });
    this.#transcript.note(peer.name, '  accepted');
    this.peers.push(peer);
    socket.on('close', () => this.#changed());
    this.#changed();
  }

  #changed(): void {
    for (const look of this.#waits) look();
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    const where = this.#server.address() as AddressInfo | string;
    return typeof where === 'string' ? `unix:${where}` : `http://${where.address}:${where.port}`;
  }

  async listen(where: Where): Promise<void> {
    await new Promise<void>((resolve, reject) => this.#server.once('error', reject).listen(where, resolve));
  }

  /** The next request's head; its body may still be on the way. */
  async head(): Promise<Call> {
    const call = await this.until('a request', () => this.calls[this.#next]);
    this.#next++;
    return call;
  }

  /** The next request, whole. */
  async request(startLine?: string): Promise<Call> {
    const call = await this.head();
    if (startLine !== undefined) assert.equal(`${call.method} ${call.target}`, startLine, 'request at the origin');
    return call.whole();
  }

  /** No request that was not yet taken has arrived. */
  expectNothing(): void {
    assert.deepEqual(
      this.calls.slice(this.#next).map((call) => call.head.startLine),
      [],
      `requests at ${this.name}`,
    );
  }

  until<T>(what: string, met: () => T | undefined, patience = PATIENCE): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const look = (): void => {
        const value = met();
        if (value === undefined) return;
        stop();
        this.#waits.delete(look);
        resolve(value);
      };
      const stop = whenOver(patience, () => {
        this.#waits.delete(look);
        reject(
          new Error(
            `${this.name} expected ${what}; after ${patience} ms: ${this.calls.length} requests on ${this.peers.length} connections`,
          ),
        );
      });
      this.#waits.add(look);
      look();
    });
  }

  /** Stops listening and drops every connection: connecting is refused from now on. */
  async close(): Promise<void> {
    for (const peer of this.peers) peer.socket.destroy();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }
}
