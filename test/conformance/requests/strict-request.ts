export type Field = readonly [name: string, value: string];

export interface StrictRequest {
  readonly method: string;
  readonly target: string;
  readonly minor: string;
  /** Names in lower case. */
  readonly fields: readonly Field[];
  trailers: readonly Field[];
  body: string;
  /** What an endpoint could live with, but an intermediary must not send. */
  readonly warnings: string[];
}

/** Whole, with its length; its head alone; or what no endpoint could read in one way only. Null: more is needed. */
export type Parsed =
  | { readonly request: StrictRequest; readonly used: number }
  | { readonly head: StrictRequest }
  | { readonly bad: string }
  | null;

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const CONTROL = /[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]/;
const URI = /^[A-Za-z0-9\-._~:/?[\]@!$&'()*+,;=%]*$/;
const HOST = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~!$&'()*+;=%]*)(:\d*)?$/;
const CHUNK_LINE = /^([0-9A-Fa-f]{1,13})((?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?)$/;

export const valuesOf = (fields: readonly Field[], name: string): string[] =>
  fields.filter(([n]) => n === name).map(([, value]) => value);

/** The request at the beginning of `text`. */
export function parseRequest(text: string): Parsed {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const [line = '', ...lines] = text.slice(0, end).split('\r\n');
  const [, method, target, minor] = /^([^ ]+) ([^ ]+) HTTP\/1\.([01])$/.exec(line) ?? [];
  if (method === undefined || target === undefined || minor === undefined)
    return { bad: `request line ${quote(line)}` };
  if (!TOKEN.test(method) || /[\x00-\x20\x7f]/.test(target)) return { bad: `request line ${quote(line)}` };
  const warnings: string[] = [];
  const known = method === 'CONNECT' || /^(\/|https?:\/\/)/i.test(target) || (method === 'OPTIONS' && target === '*');
  if (!known || !URI.test(target)) warnings.push('target');
  const fields = parseFields(lines, warnings);
  if (typeof fields === 'string') return { bad: fields };
  const request = { method, target, minor, fields, trailers: [], body: '', warnings };
  const [host, second] = valuesOf(fields, 'host');
  if (second !== undefined) return { bad: 'two Host fields' };
  if (host === undefined && minor === '1') warnings.push('no-host');
  if (host !== undefined && !HOST.test(host)) warnings.push('host');
  return parseBody(text, end + 4, request);
}

function parseBody(text: string, from: number, request: StrictRequest): Parsed {
  const lengths = valuesOf(request.fields, 'content-length');
  const codings = valuesOf(request.fields, 'transfer-encoding');
  if (lengths.length > 1 || (lengths[0] !== undefined && !/^\d{1,15}$/.test(lengths[0]))) {
    return { bad: `Content-Length ${lengths.join(' | ')}` };
  }
  if (codings.length > 0) {
    if (lengths.length > 0 || request.minor === '0') return { bad: 'Transfer-Encoding with a length or in HTTP/1.0' };
    const names = codings.join(',').split(',').map((name) => name.trim().toLowerCase()); // prettier-ignore
    if (names.pop() !== 'chunked' || names.includes('chunked'))
      return { bad: `Transfer-Encoding ${codings.join(' | ')}` };
    if (names.length > 0) request.warnings.push('te-coding');
    return parseChunks(text, from, request);
  }
  const end = from + Number(lengths[0] ?? 0);
  if (text.length < end) return { head: request };
  request.body = text.slice(from, end);
  return { request, used: end };
}

function parseChunks(text: string, from: number, request: StrictRequest): Parsed {
  for (let at = from; ;) {
    const end = text.indexOf('\r\n', at);
    if (end < 0) return { head: request };
    const digits = CHUNK_LINE.exec(text.slice(at, end))?.[1];
    if (digits === undefined) return { bad: `chunk size ${quote(text.slice(at, end))}` };
    const size = Number.parseInt(digits, 16);
    at = end + 2;
    if (size === 0) return parseTrailers(text, at, request);
    if (text.length < at + size + 2) return { head: request };
    if (text.slice(at + size, at + size + 2) !== '\r\n') return { bad: 'no CRLF after the data of a chunk' };
    request.body += text.slice(at, at + size);
    at += size + 2;
  }
}

function parseTrailers(text: string, from: number, request: StrictRequest): Parsed {
  const lines: string[] = [];
  for (let at = from; ;) {
    const end = text.indexOf('\r\n', at);
    if (end < 0) return { head: request };
    if (end === at) {
      const trailers = parseFields(lines, request.warnings);
      if (typeof trailers === 'string') return { bad: `trailer: ${trailers}` };
      request.trailers = trailers;
      return { request, used: end + 2 };
    }
    lines.push(text.slice(at, end));
    at = end + 2;
  }
}

/** The fields, or what is wrong with one of them. */
function parseFields(lines: string[], warnings: string[]): Field[] | string {
  const fields: Field[] = [];
  for (const line of lines) {
    if (/[\r\n\0]/.test(line)) return 'bare CR, LF or NUL in a field line';
    const [, name, value] = /^([^:]*):[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
    if (name === undefined || value === undefined || !TOKEN.test(name)) return `field line ${quote(line)}`;
    if (CONTROL.test(value)) warnings.push('ctl');
    fields.push([name.toLowerCase(), value]);
  }
  return fields;
}

const quote = (text: string): string => JSON.stringify(text.slice(0, 60));
