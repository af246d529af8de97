import type { Socket } from 'node:net';

/** A client that is refused has so long to take its answer and to close, ms. */
const TIME = 2000;
/** More are closed without a word. */
const MOST = 1024;

/** Connections that are told at once that they are one too many, whatever they ask, and closed. */
export class Refusals {
  readonly #sockets = new Set<Socket>();

  /** `answer`: a complete one, in latin1. */
  refuse(socket: Socket, answer: string): void {
    socket.on('error', () => {});
    if (this.#sockets.size >= MOST) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    const timer = setTimeout(() => socket.destroy(), TIME).unref();
    socket.on('close', () => {
      clearTimeout(timer);
      this.#sockets.delete(socket);
    });
    // What the client sends is read, or a reset would destroy the answer on its way (RFC 9112 §9.6).
    socket.on('end', () => socket.destroySoon()).resume();
    socket.end(answer, 'latin1');
  }

  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
