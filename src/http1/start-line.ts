import { STATUS_CODES } from 'node:http';

/** The method in `buf[start, end)`. */
export function methodOf(buf: Buffer, start: number, end: number): string {
  // The commonest as constants: no new string, and comparisons by identity.
  if (end - start === 3 && buf[start] === 71 && buf[start + 1] === 69 && buf[start + 2] === 84) return 'GET';
  if (
    end - start === 4 &&
    buf[start] === 80 &&
    buf[start + 1] === 79 &&
    buf[start + 2] === 83 &&
    buf[start + 3] === 84
  ) {
    return 'POST';
  }
  return buf.toString('latin1', start, end);
}

const REGISTERED = Array.from({ length: 600 }, (_, status) => STATUS_CODES[status] ?? '');

/** The reason phrase in `buf[start, end)`: nearly always the registered one, which need not be made anew. */
export function reasonOf(status: number, buf: Buffer, start: number, end: number): string {
  const registered = REGISTERED[status] ?? '';
  if (registered.length === end - start) {
    let i = 0;
    while (i < registered.length && buf[start + i] === registered.charCodeAt(i)) i++;
    if (i === registered.length) return registered;
  }
  return buf.toString('latin1', start, end);
}

/** The text in `buf[start, end)`, which may be the one before: then no new one is made. Long ones are seldom the same, and soon compared by Node itself. */
export function textOf(before: string, buf: Buffer, start: number, end: number): string {
  if (before.length === end - start && before.length <= 32) {
    let i = 0;
    while (i < before.length && buf[start + i] === before.charCodeAt(i)) i++;
    if (i === before.length) return before;
  }
  return buf.toString('latin1', start, end);
}
