import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { getSystemErrorName } from 'node:util';

/**
 * Up to here text waits for more, and a piece is joined with the text around it as one string: cheaper than a Buffer of its own. Node
 * writes strings up to twice that size without memory of their own.
 */
const HOLD = 8192;

let scratch = Buffer.allocUnsafeSlow(128 * 1024);

/** As much as a read. */
const MOST_UNDER_WAY = 64 * 1024;

/**
 * Buffers for what TLS writes, which is done with a piece only in a later turn: with a new one each time, collecting them costs more than all
 * else of a write (bench/NOTES.md). Each has room for a read and what goes with it.
 */
const SPARE_SIZE = 72 * 1024;
const MOST_SPARE = 128;
const spare: Buffer[] = [];
let spares = 0;

function takeSpare(size: number): Buffer {
  if (size > SPARE_SIZE || (spare.length === 0 && spares === MOST_SPARE)) return Buffer.allocUnsafeSlow(size);
  if (spare.length > 0) return spare.pop()!;
  spares++;
  return Buffer.allocUnsafeSlow(SPARE_SIZE);
}

/** Those that hold something; it leaves at the end of the turn of the event loop. */
const turn: (Outlet | null)[] = [];
let holding = 0;

function endTurn(): void {
  const size = holding;
  holding = 0;
  for (let i = 0; i < size; i++) {
    turn[i]!.flush();
    turn[i] = null;
  }
}

/** What a TCP or Unix socket writes with, inside of Node. */
interface Handle {
  /** 0, or the number of a system error. What the kernel does not take at once waits, and `request` with it. */
  writeLatin1String?: (this: Handle, request: WriteRequest | null, text: string) => number;
}

interface WriteRequest {
  /**
   * -1: no write has it. The handle's queue does not tell: what did not fit may have left in a second try, and then the request stays the
   * handle's until `oncomplete`. Used again before, Node aborts the process.
   */
  getAsyncId(): number;
  /** `status`: 0, or the number of a system error. Node does without the call where there is none. */
  oncomplete?: (status: number) => void;
}

/** Node does not export its class of write requests: it is learned from the first text that a stream writes. */
let WriteRequest: (new () => WriteRequest) | null = null;
/** Serves one write after the other, as long as the kernel takes each of them whole. */
let request: WriteRequest | null = null;
/** Streams of Node 26 make no request for what leaves at once: there is little to be gained past them. */
let pastStreams = true;

/**
 * The way out of a connection. What is written in one turn of the event loop leaves together at its end: head and body in one system
 * call, and the writes of all connections one after the other, for which the other sides are woken less often.
 *
 * Texts go to the socket's handle past its stream while nothing waits there: a stream makes a request object for each write. Both together
 * are 8 % of what a proxied request costs (bench/NOTES.md). Where Node has no such
 * handles, and from Node 26 on, all goes through the stream.
 *
 * TLS is done with a write only a turn later, and Node aborts the process at a second one before: as long as a text is under way, all
 * else, the stream's writes and its end included, waits here.
 */
export class Outlet {
  readonly #socket: Socket;
  readonly #secure: boolean;
  #handle: Handle | null = null;
  /** With less than this under way it is not full. */
  readonly #least: number;
  #held = '';
  /** How often what was held has left. */
  departures = 0;
  /** A text that went past the stream waits for the kernel; with TLS, something waits for one that went so. */
  #waiting = false;
  /** TLS: of the last text that went past the stream. */
  #request: WriteRequest | null = null;
  /** TLS: what waits for that text and comes last. */
  #last: 'end' | 'destroySoon' | null = null;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#secure = socket instanceof TLSSocket;
    this.#least = this.#secure ? MOST_UNDER_WAY : 1;
  }

  /**
   * The kernel has not taken all that was written, and 'drain' will tell when it has. Pieces are as large as a read at most, so that one
   * direction of a connection holds little more than that. What TLS took counts until the next turn, even when it has left, and so as
   * much as a read is allowed there.
   */
  get full(): boolean {
    const { writableLength, writableNeedDrain } = this.#socket;
    return (writableLength >= this.#least && writableNeedDrain) || (this.#waiting && this.#secure);
  }

  /** All that was written has left. */
  get empty(): boolean {
    return this.#held === '' && this.#socket.writableLength === 0 && !this.#waiting && !this.#underWay;
  }

  /** All that was written has left or, no more than a read of it, is with TLS, which tells only a turn later that it has left. */
  get settled(): boolean {
    const { writableLength } = this.#socket;
    return this.#held === '' && !this.#waiting && (this.#secure ? writableLength < this.#least : writableLength === 0);
  }

  /** TLS is not done with a text yet. */
  get #underWay(): boolean {
    return this.#request !== null && this.#request.getAsyncId() !== -1;
  }

  /** Writes text in latin1. */
  write(text: string): void {
    if (this.#held === '') {
      if (holding === 0) setImmediate(endTurn);
      turn[holding++] = this;
      this.#held = text;
      return;
    }
    this.#held += text;
    if (this.#held.length > HOLD) this.flush();
  }

  /**
   * Writes `before`, `chunk` and `after` (text in latin1), with what is held, in one system call where the kernel takes it. `chunk` is copied,
   * so that its memory, usually a read buffer, may be used again at once; the copy lies in one shared buffer that is given up only when
   * the kernel did not take all of it, or in one of some that TLS uses in turns. Returns whether more may be written now; if not, 'drain' will come.
   */
  writeParts(before: string, chunk: Buffer, after: string): boolean {
    const size = chunk.length;
    if (this.#held.length + size <= HOLD) {
      this.write(before + chunk.toString('latin1', 0, size) + after);
      return !this.full;
    }
    const text = this.#held + before;
    if (this.#underWay) {
      this.#held = text + chunk.toString('latin1') + after;
      this.#awaitTls();
      return false;
    }
    this.#held = '';
    this.departures++;
    if (this.#secure) this.#writeSpare(text, chunk, after);
    else this.#writeScratch(text, chunk, after);
    return !this.full;
  }

  #writeScratch(before: string, chunk: Buffer, after: string): void {
    const total = before.length + chunk.length + after.length;
    if (total > scratch.length) scratch = Buffer.allocUnsafeSlow(total);
    this.#socket.write(joined(scratch, before, chunk, after));
    if (this.#socket.writableLength !== 0) scratch = Buffer.allocUnsafeSlow(128 * 1024);
  }

  #writeSpare(before: string, chunk: Buffer, after: string): void {
    const total = before.length + chunk.length + after.length;
    const buffer = takeSpare(total);
    this.#socket.write(joined(buffer, before, chunk, after), (error) => {
      if (buffer.length !== SPARE_SIZE) return;
      // After an error nobody knows who still reads from it.
      if (error) spares--;
      else spare.push(buffer);
    });
  }

  /** Nothing more is written; the other side may go on. */
  end(): void {
    this.#finish('end');
  }

  /** Closes the connection once all has left. */
  close(): void {
    this.#finish('destroySoon');
  }

  #finish(last: 'end' | 'destroySoon'): void {
    if (this.#underWay) {
      this.#last = last;
      this.#awaitTls();
      return;
    }
    if (!this.#secure) this.flush();
    else if (this.#held !== '') this.#writeStream();
    this.#socket[last]();
  }

  /** What is held leaves now. */
  flush(): void {
    const text = this.#held;
    if (text === '') return;
    if (this.#underWay) return this.#awaitTls();
    const socket = this.#socket;
    // Looked up once: where sockets of many forms are, that takes as long as the call itself. A handle that is
    // closed answers with an error, and with undefined once it is gone.
    const handle = (this.#handle ??= (socket as unknown as { _handle: Handle | null })._handle);
    // What waits in the stream or at the handle goes first, and is bounded by the stream's mark.
    if (handle === null || !pastStreams || this.#waiting || socket.writableLength !== 0) return this.#writeStream();
    this.#held = '';
    this.departures++;
    if (WriteRequest === null) return learn(socket, handle, text);
    const used = this.#secure ? (this.#request ??= new WriteRequest()) : (request ??= new WriteRequest());
    // An error is met by the stream again, which tells the socket.
    if (handle.writeLatin1String!(used, text) !== 0) {
      if (!socket.destroyed) socket.write(text, 'latin1');
    } else if (!this.#secure && used.getAsyncId() !== -1) this.#awaitKernel();
  }

  #writeStream(): void {
    const text = this.#held;
    this.#held = '';
    this.departures++;
    if (!this.#socket.destroyed) this.#socket.write(text, 'latin1');
  }

  /** The request is the handle's until the kernel has taken the rest. */
  #awaitKernel(): void {
    this.#waiting = true;
    request!.oncomplete = (status) => {
      this.#waiting = false;
      if (status < 0) this.#socket.destroy(writeError(status));
    };
    request = null;
  }

  /** What is held, and the end, follow the text under way. */
  #awaitTls(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    this.#request!.oncomplete = (status) => {
      this.#waiting = false;
      this.#request = null;
      if (status < 0) this.#socket.destroy(writeError(status));
      else if (this.#last !== null) this.#finish(this.#last);
      else {
        this.flush();
        this.#socket.emit('drain');
      }
    };
  }
}

/** Fills the start of `buffer`. */
function joined(buffer: Buffer, before: string, chunk: Buffer, after: string): Buffer {
  let at = before === '' ? 0 : buffer.write(before, 0, 'latin1');
  at += chunk.copy(buffer, at);
  if (after !== '') at += buffer.write(after, at, 'latin1');
  return buffer.subarray(0, at);
}

function writeError(status: number): Error {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`write ${code}`), { code, errno: status, syscall: 'write' });
}

function learn(socket: Socket, handle: Handle, text: string): void {
  const write = handle.writeLatin1String;
  if (write === undefined) {
    socket.write(text, 'latin1');
    return;
  }
  handle.writeLatin1String = (used, data) => {
    if (used === null) pastStreams = false;
    else if ('getAsyncId' in used) WriteRequest = used.constructor as new () => WriteRequest;
    return write.call(handle, used, data);
  };
  socket.write(text, 'latin1');
  // What lies behind it is the class's own.
  delete handle.writeLatin1String;
}
