import type { Socket } from 'node:net';

/** Up to here a piece is joined with the text around it as one string: cheaper than a Buffer of its own. */
const JOIN_AS_TEXT = 4096;

let scratch = Buffer.allocUnsafeSlow(128 * 1024);

/**
 * Writes `before`, `chunk` and `after` (text in latin1) in one system call where the kernel takes it. `chunk` is copied, so that its memory,
 * usually a read buffer, may be used again at once; the copy lies in one shared buffer that is given up only when the kernel did not
 * take all of it. Returns whether more may be written now; if not, 'drain' will come.
 */
export function writeParts(socket: Socket, before: string, chunk: Buffer, after: string): boolean {
  const size = chunk.length;
  if (size <= JOIN_AS_TEXT) {
    socket.write(before + chunk.toString('latin1', 0, size) + after, 'latin1');
    return !isFull(socket);
  }
  const total = before.length + size + after.length;
  if (total > scratch.length) scratch = Buffer.allocUnsafeSlow(total);
  let at = before === '' ? 0 : scratch.write(before, 0, 'latin1');
  at += chunk.copy(scratch, at, 0, size);
  if (after !== '') at += scratch.write(after, at, 'latin1');
  socket.write(scratch.subarray(0, at));
  if (socket.writableLength !== 0) scratch = Buffer.allocUnsafeSlow(128 * 1024);
  return !isFull(socket);
}

/**
 * The kernel has not taken all that was written, and 'drain' will tell when it has. Pieces are as large as a read at most, so that one
 * direction of a connection holds little more than that.
 */
export function isFull(socket: Socket): boolean {
  return socket.writableLength !== 0 && socket.writableNeedDrain;
}
