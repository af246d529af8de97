import { Socket } from 'node:net';

/** Shared by all connections: what arrives is taken or copied before the next read. */
const READ_BUFFER = Buffer.allocUnsafeSlow(64 * 1024);

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

/** The same of a socket whose reads pass through its stream: because it decrypts them, or belongs to somebody else. */
export function streamingSocket(socket: Socket, onRead: (buf: Buffer, size: number) => void): Socket {
  return socket.on('data', (chunk) => onRead(chunk, chunk.length)).resume();
}
