import type { Socket } from 'node:net';
import { whenOver } from './patience.js';
import { show, type Transcript } from './transcript.js';

/** Longest wait for anything that must happen; only a failing test waits so long. */
export const PATIENCE = Number(process.env['MULTISERVER_TEST_PATIENCE'] ?? 10_000);

/** When nothing has moved for so long, it stands still. */
const STILL = 400;

export type Where = { readonly host: string; readonly port: number } | { readonly path: string };

export class Unmet extends Error {}

/**
 * One end of a connection that a test plays: sends exactly the bytes it is told to, and knows exactly what has arrived and how the
 * other side ended.
 */
export class Peer {
  readonly name: string;
  readonly socket: Socket;
  /** What arrived and was not yet taken. */
  input: Buffer = Buffer.alloc(0);
  /** Bytes that arrived in all. */
  received = 0;
  /** The other side sent its FIN. */
  ended = false;
  /** The error the connection ended with: ECONNRESET or EPIPE when the other side reset it. */
  error: NodeJS.ErrnoException | null = null;
  /** Nothing can come or go any more. */
  gone = false;
  protected readonly transcript: Transcript;
  readonly #waits = new Set<() => void>();
  #poured = 0;

  constructor(name: string, socket: Socket, transcript: Transcript) {
    this.name = name;
    this.socket = socket;
    this.transcript = transcript;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#note(`← ${show(chunk)}`, () => this.take(chunk)));
    socket.on('end', () => this.#note('← end', () => (this.ended = true)));
    socket.on('error', (error) => this.#note(`! ${error.message}`, () => (this.error = error)));
    socket.on('close', () => this.#note('  closed', () => (this.gone = true)));
  }

  #note(what: string, change: () => void): void {
    this.transcript.note(this.name, what);
    change();
    this.changed();
  }

  /** What to do with bytes that arrive; reading ends of higher kind take them apart at once. */
  protected take(chunk: Buffer): void {
    this.received += chunk.length;
    this.input = Buffer.concat([this.input, chunk]);
  }

  // ---- speaking

  /** Sends bytes; a string is latin1. */
  send(...pieces: (string | Buffer)[]): this {
    for (const piece of pieces) {
      this.transcript.note(this.name, `→ ${show(piece)}`);
      this.socket.write(typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece);
    }
    return this;
  }

  /** Sends each piece in a segment of its own. */
  async sendApart(...pieces: (string | Buffer)[]): Promise<void> {
    for (const piece of pieces) {
      this.send(piece);
      await pause(2);
    }
  }

  /**
   * Sends pieces as fast as they are taken, until `size` bytes were sent so since the beginning, or nobody takes any more for a while;
   * returns how many were taken: by the kernel and by whoever is behind it.
   */
  async pour(piece: Buffer, size: number): Promise<number> {
    const { socket } = this;
    this.transcript.note(this.name, `→ up to ${size} bytes`);
    for (let last = -1, since = performance.now(); ; await pause(5)) {
      while (this.#poured < size && socket.writableLength === 0 && !socket.destroyed) {
        socket.write(piece);
        this.#poured += piece.length;
      }
      const taken = this.#poured - socket.writableLength;
      if (taken !== last) since = performance.now();
      else if (taken >= size || performance.now() - since > STILL) return taken;
      last = taken;
    }
  }

  /** Half-close: says that nothing more will be sent. */
  end(): this {
    this.transcript.note(this.name, '→ end');
    this.socket.end();
    return this;
  }

  /** Ends the connection with a RST; one whose FIN is just on its way is only closed: Node would lose its handle over a reset (EINVAL). */
  reset(): this {
    this.transcript.note(this.name, '→ reset');
    const { socket } = this;
    if (socket.writableEnded && socket.writableLength === 0 && !socket.writableFinished) socket.destroy();
    else socket.resetAndDestroy();
    return this;
  }

  close(): this {
    this.transcript.note(this.name, '→ close');
    this.socket.destroy();
    return this;
  }

  /** Leaves in the kernel what arrives from now on, so that the other side feels back-pressure. */
  stopReading(): this {
    this.transcript.note(this.name, '  stops reading');
    this.socket.pause();
    return this;
  }

  readAgain(): this {
    this.transcript.note(this.name, '  reads again');
    this.socket.resume();
    return this;
  }

  // ---- listening

  /** Waits until `met` returns something else than undefined; a failure says what was waited for and what there was instead. */
  until<T>(what: string, met: () => T | undefined, patience = PATIENCE): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const settle = (end: () => void): void => {
        stop();
        this.#waits.delete(look);
        end();
      };
      const look = (): void => {
        try {
          const value = met();
          if (value !== undefined) settle(() => resolve(value));
        } catch (error) {
          settle(() => reject(error));
        }
      };
      const stop = whenOver(patience, () => settle(() => reject(this.unmet(what, `${patience} ms`))));
      this.#waits.add(look);
      look();
    });
  }

  changed(): void {
    for (const look of this.#waits) look();
  }

  unmet(what: string, after: string): Unmet {
    const state =
      [this.ended && 'ended by the other side', this.error?.code, this.gone && 'closed'].filter(Boolean).join(', ') ||
      'open';
    return new Unmet(
      `${this.name} expected ${what}; after ${after}: connection ${state}, bytes not taken: ${show(this.input)}`,
    );
  }

  /** The next `text.length` bytes must be these. */
  async expect(text: string | Buffer): Promise<void> {
    const wanted = typeof text === 'string' ? Buffer.from(text, 'latin1') : text;
    await this.until(show(wanted), () => {
      const came = this.input.subarray(0, wanted.length);
      if (!wanted.subarray(0, came.length).equals(came) || (this.gone && came.length < wanted.length)) {
        throw this.unmet(show(wanted), 'other bytes');
      }
      return came.length === wanted.length || undefined;
    });
    this.input = this.input.subarray(wanted.length);
  }

  /** The other side ends the connection, by FIN or RST, and nothing is left untaken. */
  async expectClosed(patience = PATIENCE): Promise<void> {
    await this.until('the connection to end', () => this.ended || this.gone || undefined, patience);
    if (this.input.length > 0) throw this.unmet('nothing before the end', 'the end');
  }

  /** The other side lets the connection go entirely: what is sent to it is answered by a RST, or it sent one itself. */
  async expectGone(patience = PATIENCE): Promise<void> {
    await this.until('the connection to go', () => this.ended || this.gone || undefined, patience);
  }

  async expectReset(): Promise<void> {
    await this.until('a reset', () => {
      if (this.ended) throw this.unmet('a reset', 'a clean end');
      return this.gone || undefined;
    });
    if (this.error?.code !== 'ECONNRESET') throw this.unmet('a reset', 'its close');
  }

  /** Nothing comes within a short while: for what must not happen, so a slow machine can only make it pass. */
  async expectSilence(ms = 60): Promise<void> {
    await pause(ms);
    if (this.input.length > 0 || this.ended || this.gone) throw this.unmet('silence', `${ms} ms`);
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
