import { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { readFromClients } from '../util/read-buffer.js';

const READ_BUFFER = readFromClients.octets;

/**
 * The socket of an accepted connection, which hands each read to `onRead`: octets that are valid only during the call. net.Server makes its
 * sockets itself and does not let them have `onread`, so that each read would cost a buffer, a pass through the stream and a tick: 5 of
 * 27 µs a request (bench/NOTES.md). Therefore a second socket is made of the handle of `accepted`, which then is of no further
 * use; should a later Node hide its handles, it serves itself.
 */
export function readingSocket(accepted: Socket, onRead: (buf: Buffer, size: number) => void): Socket {
  const owner = accepted as unknown as { _handle?: object | null };
  const handle = owner._handle ?? null;
  if (handle === null) return streamingSocket(accepted, onRead);
  owner._handle = null;
  // Counts it out of its server, and no more: the connection is the handle's.
  accepted.destroy();
  const callback = (size: number, buf: Uint8Array): boolean => {
    onRead(buf as Buffer, size);
    return true;
  };
  const options = { handle, allowHalfOpen: true, onread: { buffer: READ_BUFFER, callback } };
  return new Socket(options);
}

/** What Node keeps of `onread` on a socket. */
type OnRead = Record<symbol, unknown> & { readonly _handle: { useUserBuffer?: (buffer: Buffer) => void } | null };

/** Under which of its symbols Node keeps the parts of `onread`; null when this Node has others. */
const KEPT = learnKept();

function learnKept(): { buffer: symbol; callback: symbol } | null {
  const options = { allowHalfOpen: true, onread: { buffer: READ_BUFFER, callback: learnKept } };
  const sample = new Socket(options);
  const kept = sample as unknown as OnRead;
  const keys = Object.getOwnPropertySymbols(sample);
  const buffer = keys.find((key) => kept[key] === READ_BUFFER);
  const callback = keys.find((key) => kept[key] === learnKept);
  return buffer !== undefined && callback !== undefined ? { buffer, callback } : null;
}

/**
 * The same of a client's TLS socket, in mid-life: Node makes those itself as well, and a second one of its handle would not hear what
 * OpenSSL has to say. So it is told of the buffer as Node tells it of its own: up to 5 % of a request (bench/NOTES.md).
 */
export function decryptingSocket(socket: TLSSocket, onRead: (buf: Buffer, size: number) => void): Socket {
  const self = socket as unknown as OnRead;
  const handle = self._handle;
  if (KEPT === null || handle?.useUserBuffer === undefined || socket.readableLength > 0) {
    return streamingSocket(socket, onRead);
  }
  self[KEPT.buffer] = READ_BUFFER;
  self[KEPT.callback] = (size: number, buf: Buffer): boolean => {
    onRead(buf, size);
    return true;
  };
  handle.useUserBuffer(READ_BUFFER);
  return socket.resume();
}

/** The same of a socket whose reads pass through its stream: because it belongs to somebody else, say. */
export function streamingSocket(socket: Socket, onRead: (buf: Buffer, size: number) => void): Socket {
  return socket.on('data', (chunk) => onRead(chunk, chunk.length)).resume();
}
