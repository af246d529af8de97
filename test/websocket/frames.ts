import fc from 'fast-check';

/** A WebSocket frame (RFC 6455 §5.2), right or wrong: to a tunnel it is bytes. */
export interface Frame {
  readonly fin: boolean;
  /** Compressed, if permessage-deflate was agreed on. */
  readonly rsv1: boolean;
  readonly opcode: number;
  readonly length: number;
  readonly fill: number;
}

export const frames = fc.array(
  fc.record({
    fin: fc.boolean(),
    rsv1: fc.boolean(),
    opcode: fc.constantFrom(0, 1, 2, 8, 9, 10),
    length: fc.oneof(fc.nat(125), fc.nat(2000), fc.constantFrom(0, 125, 126, 65_535, 65_536, 70_000)),
    fill: fc.nat(255),
  }),
  { maxLength: 12 },
);

export function encode({ fin, rsv1, opcode, length, fill }: Frame, masked: boolean): Buffer {
  const first = (fin ? 0x80 : 0) | (rsv1 ? 0x40 : 0) | opcode;
  const mask = masked ? 0x80 : 0;
  const head =
    length < 126
      ? Buffer.from([first, mask | length])
      : length < 65_536
        ? Buffer.from([first, mask | 126, length >> 8, length & 255])
        : Buffer.from([
            first,
            mask | 127,
            0,
            0,
            0,
            0,
            length >>> 24,
            (length >> 16) & 255,
            (length >> 8) & 255,
            length & 255,
          ]);
  const payload = Buffer.from(Array.from({ length: 251 }, (_, i) => (i * 7 + fill) & 255));
  return Buffer.concat([head, masked ? Buffer.from([fill, 1, 2, 3]) : Buffer.alloc(0), Buffer.alloc(length, payload)]);
}

/** `bytes` cut at these thousandths of its length. */
export function piecesOf(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const ends = [...cuts, 1000].toSorted((a, b) => a - b).map((cut) => Math.floor((bytes.length * cut) / 1000));
  return ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end));
}
