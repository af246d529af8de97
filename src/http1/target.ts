import { isIPv6 } from 'node:net';

/**
 * A Host or authority: uri-host with an optional port (RFC 9110 §7.2, RFC 3986 §3.2.2), never empty, no user information. A comma, legal
 * in a reg-name, is refused: it is how two Host lines look when somebody joined them.
 */
export function isAuthority(value: string): boolean {
  if (value === lastAuthority) return true;
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|(?:[A-Za-z0-9\-._~!$&'()*+;=]|%[0-9A-Fa-f]{2})+)(?::(\d{0,5}))?$/.exec(value);
  if (match === null || value.length > 255 + 6) return false;
  if (match[1] !== undefined && !isIPv6(match[1])) return false;
  if (match[2] !== undefined && Number(match[2]) > 65535) return false;
  lastAuthority = value;
  return true;
}

// Requests of one site come in runs: one comparison instead of a regular expression.
let lastAuthority = '';

/** What browsers escape in a path. A backslash, which they make a slash, is one to some servers only. */
const ODD = /[%\\`{}]/;
const ESCAPED = /[\\`{}]|%(?![0-9A-Fa-f]{2})/;

/**
 * Percent signs of the path are followed by two hex digits, and what no browser leaves unescaped there is escaped; the query is left to the
 * app, as browsers leave it to the user.
 */
export function hasValidPath(target: string): boolean {
  if (!ODD.test(target)) return true;
  const query = target.indexOf('?');
  return !ESCAPED.test(query < 0 ? target : target.slice(0, query));
}

/** An absolute-form target taken apart; null when it is none of http or https, or its authority is not valid. */
export function parseAbsolute(target: string): { secure: boolean; authority: string; path: string } | null {
  const match = /^(https?):\/\/([^/?]*)(.*)$/is.exec(target);
  if (match === null || !isAuthority(match[2]!)) return null;
  const rest = match[3]!;
  return {
    secure: match[1]!.length === 5,
    authority: match[2]!,
    path: rest.startsWith('/') ? rest : rest === '' ? '' : `/${rest}`,
  };
}
