/**
 * A frame is a 32-bit big-endian length and that many bytes of JSON:
 *
 *     00 00 00 10 {"type":"ready"}
 *
 * Both ends are ours, but the app shares the worker's end of the pipe: every length is bounded before anything is kept.
 */
export const MAX_FRAME = 1024 * 1024;
const PREFIX = 4;

export function encodeFrame(message: unknown): Buffer {
  const body = Buffer.from(JSON.stringify(message), 'utf8');
  if (body.length > MAX_FRAME)
    throw new RangeError(`A link message of ${body.length} bytes is larger than ${MAX_FRAME}.`);
  const frame = Buffer.allocUnsafe(PREFIX + body.length);
  frame.writeUInt32BE(body.length, 0);
  body.copy(frame, PREFIX);
  return frame;
}

/** Cuts a byte stream into messages, however the bytes are split. Throws on the first frame that is none; it is of no use then. */
export class FrameReader {
  readonly #onMessage: (message: unknown) => void;
  readonly #pending: Buffer[] = [];
  #held = 0;
  /** Bytes without which there is nothing to do: keeps a large frame in many pieces from being joined at each of them. */
  #needed = PREFIX;

  constructor(onMessage: (message: unknown) => void) {
    this.#onMessage = onMessage;
  }

  push(chunk: Buffer): void {
    this.#pending.push(chunk);
    this.#held += chunk.length;
    if (this.#held < this.#needed) return;
    let bytes = this.#pending.length === 1 ? this.#pending[0]! : Buffer.concat(this.#pending, this.#held);
    this.#pending.length = 0;
    this.#needed = PREFIX;
    while (bytes.length >= PREFIX) {
      const length = bytes.readUInt32BE(0);
      if (length > MAX_FRAME) throw new RangeError(`A link frame of ${length} bytes is larger than ${MAX_FRAME}.`);
      if (bytes.length < PREFIX + length) {
        this.#needed = PREFIX + length;
        break;
      }
      const message: unknown = JSON.parse(bytes.toString('utf8', PREFIX, PREFIX + length));
      bytes = bytes.subarray(PREFIX + length);
      this.#onMessage(message);
    }
    this.#held = bytes.length;
    if (bytes.length > 0) this.#pending.push(bytes);
  }
}
