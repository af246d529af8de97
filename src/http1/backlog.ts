import type { Socket } from 'node:net';

/** Octets of body or of further requests that are kept while nobody takes them. */
const ENOUGH = 64 * 1024;

/** What a socket brought and nobody can take yet. While it is much, the socket is paused. */
export class Backlog {
  readonly #socket: Socket;
  #octets: Buffer | null = null;
  #paused = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get empty(): boolean {
    return this.#octets === null;
  }

  /** Keeps a copy of `buf[p, end)`. */
  keep(buf: Buffer, p: number, end: number): void {
    const piece = buf.subarray(p, end);
    this.#octets = this.#octets === null ? Buffer.from(piece) : Buffer.concat([this.#octets, piece]);
    if (this.#octets.length >= ENOUGH) this.pause();
  }

  /** Nothing more is read, so that the client feels it, until {@link resume}. */
  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#socket.pause();
  }

  /** Empties it. */
  take(): Buffer | null {
    const octets = this.#octets;
    this.#octets = null;
    return octets;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#socket.resume();
  }
}
