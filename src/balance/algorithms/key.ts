import type { KeyBy, RequestView } from '../../contracts/algorithm.js';
import { MultiserverError } from '../../errors.js';

export type KeyOf = (request: RequestView) => string | undefined;

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** `option` is named when `by` is none of the above. */
export function keyOf(by: KeyBy, option: string): KeyOf {
  if (typeof by === 'function') return (request) => textOf(by(request));
  if (by === 'ip') return clientAddress;
  if (by === 'path') return pathOf;
  if (by === 'sid') return engineSession;
  const [kind, name] = split(by);
  if (kind === 'header' && TOKEN.test(name)) return (request) => request.header(name);
  if (kind === 'cookie' && TOKEN.test(name)) return (request) => cookieOf(request.header('cookie'), name);
  throw new MultiserverError(
    'MS_INVALID_OPTION',
    `Option "${option}" must be 'ip', 'path', 'sid', 'header:NAME', 'cookie:NAME' or a function, not ${JSON.stringify(by)}.`,
  );
}

export function isToken(value: string): boolean {
  return TOKEN.test(value);
}

/** Where the value of a cookie begins in a Cookie field, looked for `from` there on; -1: it is not there. */
export function cookieAt(field: string, name: string, from = 0): number {
  for (let at = field.indexOf(name, from); at >= 0; at = field.indexOf(name, at + 1)) {
    const end = at + name.length;
    if (field.charCodeAt(end) !== EQUALS) continue;
    const before = at === 0 ? SEMICOLON : field.charCodeAt(at - 1);
    if (before === SEMICOLON || before === SPACE) return end + 1;
  }
  return -1;
}

const EQUALS = 0x3d;
const SEMICOLON = 0x3b;
const SPACE = 0x20;

/** A user's function need not be typed: it may return a number, or a promise by mistake. */
function textOf(key: unknown): string | undefined {
  if (typeof key === 'string' || key === undefined || key === null) return key ?? undefined;
  if (typeof key === 'number') return String(key);
  if (key instanceof Promise) key.catch(() => {});
  throw new TypeError(`A key must be a string or a number, not ${key instanceof Promise ? 'a promise' : typeof key}.`);
}

function clientAddress(request: RequestView): string {
  return request.clientAddress;
}

function pathOf({ target }: RequestView): string {
  const query = target.indexOf('?');
  return query < 0 ? target : target.slice(0, query);
}

/** Engine.IO (Socket.IO) names its session in the query of every request after the handshake. */
function engineSession({ target }: RequestView): string | undefined {
  const query = target.indexOf('?');
  if (query < 0) return undefined;
  for (let at = target.indexOf('sid=', query); at >= 0; at = target.indexOf('sid=', at + 1)) {
    const before = target[at - 1];
    if (before !== '?' && before !== '&') continue;
    const end = target.indexOf('&', at);
    return target.slice(at + 4, end < 0 ? undefined : end);
  }
  return undefined;
}

function cookieOf(field: string | undefined, name: string): string | undefined {
  const at = field === undefined ? -1 : cookieAt(field, name);
  if (at < 0) return undefined;
  const end = field!.indexOf(';', at);
  return field!.slice(at, end < 0 ? undefined : end);
}

function split(by: unknown): [kind: string, name: string] {
  if (typeof by !== 'string') return ['', ''];
  const colon = by.indexOf(':');
  return colon < 0 ? ['', ''] : [by.slice(0, colon), by.slice(colon + 1)];
}
