import type { Duplex } from 'node:stream';
import { encodeFrame, FrameReader } from './frames.js';

/** A peer that stops reading is cut off rather than waited for: what is unsent would grow without end. */
const MAX_UNSENT = 8 * 1024 * 1024;

export interface LinkHandlers<In> {
  onMessage(message: In): void;
  /** Once, whatever the reason: the other end is gone, or sent what is no frame. */
  onClose(): void;
}

/** One end of the private socket pair between the supervisor and a worker. */
export class Link<In, Out> {
  readonly #socket: Duplex;

  /** `read` checks a message; what it answers `undefined` to is passed over, so that old and new versions can talk. */
  constructor(socket: Duplex, read: (message: unknown) => In | undefined, handlers: LinkHandlers<In>) {
    this.#socket = socket;
    const reader = new FrameReader((value) => {
      const message = read(value);
      if (message !== undefined) handlers.onMessage(message);
    });
    socket.on('data', (chunk: Buffer) => {
      try {
        reader.push(chunk);
      } catch {
        socket.destroy();
      }
    });
    // 'close' follows every error, and is where the end is told
    socket.on('error', () => {});
    socket.on('end', () => socket.destroy());
    socket.once('close', () => handlers.onClose());
  }

  send(message: Out): void {
    if (!this.#socket.writable) return;
    if (this.#socket.writableLength > MAX_UNSENT) this.#socket.destroy();
    else this.#socket.write(encodeFrame(message));
  }

  close(): void {
    this.#socket.destroy();
  }
}
