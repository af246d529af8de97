import type { Socket } from 'node:net';
import type { Outlet } from '../util/outlet.js';
import type { WriteStall } from './write-stall.js';

/** How long and how much is still read after the last answer has left, so that a reset does not destroy it on its way. */
const LINGER_MS = 2000;
const LINGER_BYTES = 1024 * 1024;

/** The end of a connection (RFC 9112 §9.6): what was written leaves, then the client gets a moment to close. */
export class Linger {
  readonly #socket: Socket;
  readonly #outlet: Outlet;
  readonly #stall: WriteStall;
  readonly #now: () => number;
  #deadline = Infinity;
  #discarded = 0;

  constructor(socket: Socket, outlet: Outlet, stall: WriteStall, now: () => number) {
    this.#socket = socket;
    this.#outlet = outlet;
    this.#stall = stall;
    this.#now = now;
  }

  /** Call it before the socket is ended. */
  begin(): void {
    this.#outlet.flush();
    if (this.#outlet.empty) {
      this.#stall.end();
      this.#deadline = this.#now() + LINGER_MS;
      return;
    }
    this.#stall.watch(this.#now());
    this.#socket.once('finish', () => {
      this.#stall.end();
      this.#deadline = this.#now() + LINGER_MS;
    });
  }

  /** The client goes on sending. */
  discard(octets: number): void {
    this.#discarded += octets;
    // Destroyed later: the reset would take the answer away from a client that is about to read it.
    if (this.#discarded > LINGER_BYTES) this.#socket.pause();
  }

  isOver(now: number): boolean {
    return now >= this.#deadline;
  }
}
