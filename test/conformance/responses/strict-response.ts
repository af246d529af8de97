/** What a strict client makes of the octets that have come so far. */
export interface Read {
  readonly interim: number[];
  final: FinalResponse | null;
  /** What followed a 101. */
  tunnel?: string;
  /** What was malformed. */
  bad: string;
}

export interface FinalResponse {
  readonly status: number;
  readonly fields: readonly (readonly [name: string, value: string])[];
  body: string;
  complete: boolean;
  framing: 'none' | 'chunked' | 'length' | 'close';
  /** Octets after its end. */
  extra: string;
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const STATUS_LINE = /^HTTP\/1\.[01] (\d{3})( [\t\x20-\x7e\x80-\xff]*)?$/;
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/;

export function readResponse(text: string, method: string): Read {
  const read: Read = { interim: [], final: null, bad: '' };
  for (let at = 0; ;) {
    const end = text.indexOf('\r\n\r\n', at);
    if (end < 0) {
      const rest = text.slice(at);
      if (!'HTTP/1.'.startsWith(rest.slice(0, 7))) read.bad = `no response: ${quote(rest)}`;
      return read;
    }
    const [line = '', ...lines] = text.slice(at, end).split('\r\n');
    const status = Number(STATUS_LINE.exec(line)?.[1] ?? -1);
    const fields = readFields(lines);
    if (status < 0 || typeof fields === 'string') return { ...read, bad: `malformed head ${quote(line)}: ${fields}` };
    at = end + 4;
    if (status === 101) {
      read.interim.push(101);
      return { ...read, tunnel: text.slice(at) };
    }
    if (status >= 200 || status < 100) return readFinal(read, text, at, method, status, fields);
    read.interim.push(status);
    if (fields.some(([name]) => name === 'content-length' || name === 'transfer-encoding'))
      read.bad = 'a length in a 1xx';
  }
}

function readFields(lines: readonly string[]): [string, string][] | string {
  const fields: [string, string][] = [];
  for (const line of lines) {
    const [, name, value] = /^([^:]*):[ \t]*(.*?)[ \t]*$/s.exec(line) ?? [];
    if (name === undefined || value === undefined || !TOKEN.test(name) || CONTROL.test(value)) return quote(line);
    fields.push([name.toLowerCase(), value]);
  }
  return fields;
}

function readFinal(
  read: Read,
  text: string,
  at: number,
  method: string,
  status: number,
  fields: [string, string][],
): Read {
  const all = (name: string): string[] => fields.filter(([n]) => n === name).map(([, value]) => value);
  const [length, second] = all('content-length');
  const coding = all('transfer-encoding').join(',').toLowerCase();
  const final: FinalResponse = { status, fields, body: '', complete: false, framing: 'close', extra: '' };
  const result = { ...read, final };
  if (second !== undefined || (length !== undefined && !/^\d+$/.test(length)))
    return { ...result, bad: 'Content-Length' };
  if (length !== undefined && coding !== '') return { ...result, bad: 'Content-Length beside Transfer-Encoding' };
  if (method === 'HEAD' || status === 204 || status === 304) {
    final.framing = 'none';
    final.complete = true;
    final.extra = text.slice(at);
  } else if (/(^|,)\s*chunked$/.test(coding)) {
    final.framing = 'chunked';
    result.bad = readChunks(final, text, at);
  } else if (length !== undefined) {
    const end = at + Number(length);
    final.framing = 'length';
    final.body = text.slice(at, end);
    final.complete = text.length >= end;
    final.extra = text.slice(end);
  } else final.body = text.slice(at);
  return result;
}

/** Returns what is malformed. */
function readChunks(final: FinalResponse, text: string, at: number): string {
  for (;;) {
    const end = text.indexOf('\r\n', at);
    if (end < 0) return '';
    const digits = /^([0-9a-f]{1,13})$/i.exec(text.slice(at, end))?.[1];
    if (digits === undefined) return `chunk size ${quote(text.slice(at, end))}`;
    const size = Number.parseInt(digits, 16);
    at = end + 2;
    if (size === 0) {
      const last = text.startsWith('\r\n', at) ? at + 2 : text.indexOf('\r\n\r\n', at) + 4;
      final.complete = last >= at + 2;
      if (final.complete) final.extra = text.slice(last);
      return '';
    }
    final.body += text.slice(at, at + size);
    if (text.length < at + size + 2) return '';
    if (!text.startsWith('\r\n', at + size)) return 'no CRLF after a chunk';
    at += size + 2;
  }
}

const quote = (text: string): string => JSON.stringify(text.slice(0, 60));
