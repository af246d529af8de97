import net, { type Socket } from 'node:net';
import { type Read, readResponse } from './strict-response.js';

/** Longest wait for an answer, which then counts as hanging. */
const HANG = 2500;

/** What came for one request. */
export interface Answered extends Read {
  readonly empty: boolean;
  readonly closed: boolean;
  readonly reset: boolean;
}

/** One connection to the balancer. */
export class StrictClient {
  /** What came when nothing was asked for. */
  unasked = '';
  readonly #socket: Socket;
  #take: ((chunk: string) => void) | null = null;
  #end: (() => void) | null = null;
  #ended = false;
  #reset = false;

  constructor(where: { host: string; port: number }) {
    this.#socket = net.connect({ ...where, noDelay: true });
    const end = (): void => {
      this.#ended = true;
      this.#end?.();
    };
    this.#socket.on('data', (chunk: Buffer) => {
      const text = chunk.toString('latin1');
      if (this.#take === null) this.unasked += text;
      else this.#take(text);
    });
    this.#socket.on('error', () => (this.#reset = true));
    this.#socket.on('end', end).on('close', end);
  }

  close(): void {
    this.#socket.destroy();
  }

  get open(): boolean {
    return !this.#ended;
  }

  /** Sends a request and reads its answer until `quiet` ms after its end, the connection's end, or no more patience. */
  ask(request: string, method: string, quiet: number): Promise<Answered> {
    return new Promise((resolve) => {
      let text = '';
      let timer: NodeJS.Timeout | undefined;
      const finish = (): void => {
        clearTimeout(timer);
        clearTimeout(hang);
        this.#take = null;
        this.#end = null;
        resolve({ ...readResponse(text, method), empty: text === '', closed: this.#ended, reset: this.#reset });
      };
      const hang = setTimeout(finish, HANG);
      this.#take = (chunk) => {
        text += chunk;
        clearTimeout(timer);
        const { final, bad, tunnel } = readResponse(text, method);
        if (final?.complete === true || bad !== '' || tunnel !== undefined) timer = setTimeout(finish, quiet);
      };
      this.#end = finish;
      if (this.#ended) finish();
      else this.#socket.write(Buffer.from(request, 'latin1'));
    });
  }
}
