/** The upper bound of `maxFields`. */
const MAX_FIELDS = 10_000;

/**
 * Where the fields of one message are while it is parsed: name start, name end, value start, value end. Shared: parsing is synchronous;
 * what must outlive a call is saved by the parser.
 */
export const marks = new Int32Array(4 * (MAX_FIELDS + 1));
export const kindMarks = new Uint8Array(MAX_FIELDS + 1);

/** Names and values of `count` fields: slices of `text`, which begins at `from`. */
export function markedPairs(text: string, from: number, count: number): string[] {
  // Of the right size at once: an array that grows takes room for 17 elements first.
  // oxlint-disable-next-line unicorn/no-new-array
  const pairs = new Array<string>(2 * count);
  for (let i = 0; i < count; i++) {
    pairs[2 * i] = text.slice(marks[4 * i]! - from, marks[4 * i + 1]! - from);
    pairs[2 * i + 1] = text.slice(marks[4 * i + 2]! - from, marks[4 * i + 3]! - from);
  }
  return pairs;
}

export function markedKinds(count: number): number[] {
  // oxlint-disable-next-line unicorn/no-new-array
  const kinds = new Array<number>(count);
  for (let i = 0; i < count; i++) kinds[i] = kindMarks[i]!;
  return kinds;
}
