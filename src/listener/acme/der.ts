/** DER (X.690): what certificates and requests for them are written in. */

const SEQUENCE = 0x30;
const SET = 0x31;

export function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(tag), lengthOf(content.length), content]);
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length);
  const octets = length < 0x1_00 ? [length] : [length >> 8, length & 0xff];
  return Buffer.of(0x80 | octets.length, ...octets);
}

export const sequence = (...parts: readonly Buffer[]): Buffer => der(SEQUENCE, ...parts);
export const setOf = (...parts: readonly Buffer[]): Buffer => der(SET, ...parts);
export const octetString = (...parts: readonly Buffer[]): Buffer => der(0x04, ...parts);
/** Of whole octets. */
export const bitString = (content: Buffer): Buffer => der(0x03, Buffer.of(0), content);
export const text = (value: string): Buffer => der(0x0c, Buffer.from(value));
export const TRUE = der(0x01, Buffer.of(0xff));

/** Not negative, and below 2³¹. */
export function integer(value: number): Buffer {
  const octets = Buffer.alloc(4);
  octets.writeInt32BE(value);
  let from = 0;
  while (from < 3 && octets[from] === 0 && octets[from + 1]! < 0x80) from++;
  return der(0x02, octets.subarray(from));
}

/** `'1.2.840.10045.4.3.2'` */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...arcs] = dotted.split('.').map(Number);
  return der(0x06, Buffer.from([first * 40 + second, ...arcs.flatMap(base128)]));
}

function base128(arc: number): number[] {
  const octets = [arc & 0x7f];
  for (let rest = arc >>> 7; rest > 0; rest >>>= 7) octets.unshift((rest & 0x7f) | 0x80);
  return octets;
}

/** RFC 5280 §4.1.2.5: until 2049. */
export function utcTime(date: Date): Buffer {
  const digits = date.toISOString().replace(/^..|[-:T]|\.\d+/g, '');
  return der(0x17, Buffer.from(digits));
}
