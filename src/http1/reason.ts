import { STATUS_CODES } from 'node:http';

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
