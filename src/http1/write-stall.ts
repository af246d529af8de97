import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/**
 * Whether the other side takes what waits for it. Looked at by whoever ticks: a socket's own 'timeout' event asks the same of the same
 * counter, but only once a period, so that it comes up to twice as late, and reading puts it off too.
 */
export class WriteStall {
  readonly #socket: Socket;
  #watching = false;
  #waiting = 0;
  #queued = 0;
  #since = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Something waits from now on. */
  watch(now: number): void {
    this.#watching = true;
    this.#waiting = this.#socket.writableLength;
    this.#queued = queuedIn(this.#socket);
    this.#since = now;
  }

  /** It has been taken. */
  end(): void {
    this.#watching = false;
  }

  /** Of what waits nothing was taken for `timeout` ms. */
  lasts(now: number, timeout: number): boolean {
    if (!this.#watching) return false;
    const waiting = this.#socket.writableLength;
    const queued = queuedIn(this.#socket);
    if (waiting < this.#waiting || (waiting === this.#waiting && queued < this.#queued)) this.#since = now;
    this.#waiting = waiting;
    this.#queued = queued;
    return now - this.#since >= timeout;
  }
}

/** Octets of the write in progress that the kernel has not taken: only the handle knows that a part of it is gone. */
function queuedIn(socket: Socket): number {
  return (socket as unknown as { _handle: { writeQueueSize?: number } | null })._handle?.writeQueueSize ?? 0;
}

/** Closes with a RST, so that the kernel does not go on holding what nobody takes. */
export function resetNow(socket: Socket): void {
  // Sockets of other kinds than TCP cannot: TLS tells a cut by the close_notify that does not come, a Unix socket not at all.
  // `resetAndDestroy` alone would first wait until all is written.
  if (socket.remoteAddress !== undefined && !(socket instanceof TLSSocket) && !isShuttingDown(socket))
    socket.resetAndDestroy();
  socket.destroy();
}

/** Its FIN is on its way to the kernel: Node could not reset it then (EINVAL), and would lose its handle without closing it. */
function isShuttingDown(socket: Socket): boolean {
  return socket.writableEnded && socket.writableLength === 0 && !socket.writableFinished;
}
