import { readFileSync } from 'node:fs';

/** PEM is told from the path of a PEM file by its content. */
export function isPem(value: string | Buffer): boolean {
  return typeof value !== 'string' || value.includes('-----BEGIN ');
}

/** PEM as it is, or what the file holds. `fail` makes the error: `what` and why it cannot be read. */
export function readPem(
  value: string | Buffer,
  what: string,
  fail: (message: string, cause: unknown) => Error,
): Buffer {
  if (typeof value !== 'string') return value;
  if (isPem(value)) return Buffer.from(value, 'latin1');
  try {
    return readFileSync(value);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const why =
      code === 'ENOENT'
        ? 'there is no such file'
        : code === 'EACCES'
          ? 'permission is denied'
          : (code ?? String(cause));
    throw fail(`The ${what} ${value} cannot be read: ${why}.`, cause);
  }
}
