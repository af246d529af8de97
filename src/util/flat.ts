/**
 * The same text in one piece. Text that was joined is a tree of its parts inside of V8, which is walked whenever it becomes part of
 * something that is written: worth it for what is used often. latin1: of other characters the low octet is kept, as when they are written.
 */
export function flat(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}
