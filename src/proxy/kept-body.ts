import type { ClientConnection } from '../http1/client-connection.js';

/** The body of a request so far, to be sent again by a retry. */
export class KeptBody {
  readonly #limit: number;
  readonly #pieces: Buffer[] = [];
  #size = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** False: it is too large for that. What was not sent yet is kept in any case. */
  keep(chunk: Buffer, isSent: boolean): boolean {
    this.#size += chunk.length;
    if (isSent && this.#size > this.#limit) return false;
    this.#pieces.push(Buffer.from(chunk));
    return true;
  }

  sendTo(connection: ClientConnection): void {
    for (const piece of this.#pieces) connection.sendData(piece);
  }
}
