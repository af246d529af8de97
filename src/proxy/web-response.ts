import type { ReadableStreamReadResult } from 'node:stream/web';
import { MultiserverError } from '../errors.js';
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE, type Exchange, type Head } from '../exchange.js';
import { headOf } from '../http1/fields.js';
import { reasonOf } from './own-answers.js';
import { TUNNEL_FIELD } from './web-reply.js';

/** Head of a web `Response`; Set-Cookie fields stay apart. */
export function headOfResponse(response: Response): Head {
  const pairs: string[] = [];
  for (const [name, value] of response.headers) if (name !== TUNNEL_FIELD) pairs.push(name, value);
  return headOf(pairs);
}

export function reasonOfResponse(response: Response): string {
  return response.statusText === '' ? reasonOf(response.status) : response.statusText;
}

/** Writes the `Response` of an own handler to the client, at the client's pace. */
export class ResponseWriter {
  readonly #exchange: Exchange;
  #reader: ReadableStreamDefaultReader<Uint8Array> | null = null;
  #onRoom: (() => void) | null = null;
  #stopped = false;
  #headSent = false;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  /** Resolves when all was written or nothing more can be. */
  async write(response: Response): Promise<void> {
    const { status, body } = response;
    // `Response.error()` has status 0.
    if (status < 200) {
      this.#fail(new TypeError(`A handler returned a Response with status ${status}`));
      return;
    }
    const length = lengthOf(response);
    if (body === null || this.#exchange.method === 'HEAD' || status === 204 || status === 304) {
      void body?.cancel().catch(() => {});
      this.#sendHead(response, BODY_NONE, length);
      this.#exchange.sendEnd(null);
      return;
    }
    try {
      const reader = body.getReader();
      this.#reader = reader;
      await this.#pump(response, reader, length);
    } catch (error) {
      this.#fail(error);
    }
  }

  async #pump(response: Response, reader: ReadableStreamDefaultReader<Uint8Array>, length: number): Promise<void> {
    const exchange = this.#exchange;
    let next = await this.#read(reader);
    if (this.#stopped) return;
    if (length >= 0) this.#sendHead(response, BODY_LENGTH, length);
    else if (next.done) this.#sendHead(response, BODY_LENGTH, 0);
    while (!next.done) {
      const chunk = next.value;
      // Reads ahead: a body of one piece gets a length, and what comes at once leaves together.
      let following: ReadableStreamReadResult<Uint8Array> | null = null;
      const reading = this.#read(reader).then((result) => (following = result));
      reading.catch(() => {});
      if (!this.#headSent) {
        await new Promise(setImmediate);
        if (this.#stopped) return;
        const whole = (following as ReadableStreamReadResult<Uint8Array> | null)?.done === true;
        this.#sendHead(response, whole ? BODY_LENGTH : BODY_CHUNKED, whole ? chunk.length : -1);
      }
      const room = exchange.sendData(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      if (!room) await new Promise<void>((resolve) => (this.#onRoom = resolve));
      next = await reading;
      if (this.#stopped) return;
    }
    exchange.sendEnd(null);
  }

  async #read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<ReadableStreamReadResult<Uint8Array>> {
    const result = await reader.read();
    if (!result.done && !(result.value instanceof Uint8Array)) {
      throw new TypeError('The body of a Response must consist of Uint8Arrays');
    }
    return result;
  }

  #sendHead(response: Response, body: number, length: number): void {
    this.#headSent = true;
    this.#exchange.sendHead(response.status, reasonOfResponse(response), headOfResponse(response), body, length);
  }

  #fail(cause: unknown): void {
    if (this.#stopped) return;
    this.#stopped = true;
    void this.#reader?.cancel(cause).catch(() => {});
    const known = cause instanceof MultiserverError && cause.status !== 0;
    this.#exchange.fail(known ? cause : new MultiserverError('MS_INTERNAL', undefined, { cause }));
  }

  onRoom(): void {
    const resume = this.#onRoom;
    this.#onRoom = null;
    resume?.();
  }

  /** The client is gone: the handler's stream hears it, and the endless ones end. */
  stop(reason: Error): void {
    if (this.#stopped) return;
    this.#stopped = true;
    void this.#reader?.cancel(reason).catch(() => {});
    this.onRoom();
  }
}

function lengthOf(response: Response): number {
  const value = response.headers.get('content-length');
  return value !== null && /^\d{1,15}$/.test(value) ? Number(value) : -1;
}
