import { MultiserverError } from '../errors.js';

/** Where to listen. `fd`: a socket that was opened by whoever started us (systemd's first is 3). */
export type ListenAddress = (
  | { readonly host?: string; readonly port: number }
  | { readonly path: string }
  | { readonly fd: number }
) & {
  /** HTTPS; by default where a certificate was given. */
  readonly secure?: boolean;
  /** Its connections begin with a header of the PROXY protocol; by default as the option of that name says. */
  readonly proxyProtocol?: boolean;
};

/** Where it listens in fact. */
export type BoundAddress = ({ readonly host: string; readonly port: number } | { readonly path: string }) & {
  /** HTTPS. */
  readonly secure: boolean;
};

function invalid(where: unknown): MultiserverError {
  return new MultiserverError(
    'MS_INVALID_OPTION',
    `"${String(where)}" is no address to listen on: give a port (3000), "127.0.0.1:3000", "[::1]:3000", "unix:/path" or "fd:3", with "http://" or "https://" before it if it must be one of them.`,
  );
}

function port(text: string, where: unknown): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65535) throw invalid(where);
  return Number(text);
}

/** Reads an address as it is given in code and on the command line. A port alone is all interfaces, as in Node. */
export function parseListenAddress(where: number | string | ListenAddress): ListenAddress {
  if (typeof where === 'number') return { port: port(String(where), where) };
  if (typeof where !== 'string') return where;
  const scheme = /^(https?):\/\//.exec(where);
  if (scheme !== null) {
    return { ...parseListenAddress(where.slice(scheme[0].length)), secure: scheme[1] === 'https' };
  }
  if (where.startsWith('unix:') && where.length > 5) {
    const path = where.slice(5);
    // Longer paths are cut off in silence by the kernel.
    if (Buffer.byteLength(path) > 107)
      throw new MultiserverError('MS_INVALID_OPTION', `The socket path "${path}" is longer than 107 bytes.`);
    return { path };
  }
  if (/^fd:\d{1,4}$/.test(where)) return { fd: Number(where.slice(3)) };
  const match = /^(?:(?:\[([0-9A-Fa-f:.]+)\]|([^:\s]+)):)?(\d+)$/.exec(where);
  if (match === null) throw invalid(where);
  const host = match[1] ?? match[2];
  return host === undefined ? { port: port(match[3]!, where) } : { host, port: port(match[3]!, where) };
}

/** For people: `http://127.0.0.1:3000`, `unix:/run/x.sock`, `https://unix:/run/x.sock`. */
export function formatAddress(address: BoundAddress): string {
  if ('path' in address) return `${address.secure ? 'https://' : ''}unix:${address.path}`;
  const { host, port, secure } = address;
  return `${secure ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
