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
