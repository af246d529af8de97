/**
 * A strict reader of HTTP/1.1 messages, independent of the package's own: what the balancer writes is judged by it, so it repairs
 * nothing.
 */
export class Malformed extends Error {}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const FIELD_LINE = /^([^:]*):[ \t]*(.*?)[ \t]*$/s;
// oxlint-disable-next-line no-control-regex -- these bytes are what must not be there
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/;

export class Head {
  readonly startLine: string;
  readonly fields: readonly (readonly [name: string, value: string])[];

  constructor(startLine: string, fields: [string, string][]) {
    this.startLine = startLine;
    this.fields = fields;
  }

  all(name: string): string[] {
    return this.fields.filter(([n]) => n.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
  }

  /** The value of the one field of this name. */
  field(name: string): string | undefined {
    const values = this.all(name);
    if (values.length > 1) throw new Malformed(`${values.length} fields ${name}: ${values.join(' | ')}`);
    return values[0];
  }
}

export function readFields(lines: string[]): [string, string][] {
  return lines.map((line) => {
    const [, name, value] = FIELD_LINE.exec(line) ?? [];
    if (name === undefined || value === undefined || !TOKEN.test(name) || CONTROL.test(value)) {
      throw new Malformed(`field line ${JSON.stringify(line.slice(0, 80))}`);
    }
    return [name, value];
  });
}

/** The head at the beginning of `bytes`, or undefined while it is not complete. */
export function readHead(bytes: Buffer): { head: Head; used: number } | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [startLine = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  return { head: new Head(startLine, readFields(lines)), used: end + 4 };
}

export type Framing = 'none' | 'chunked' | 'close' | number;

function lengthOf(head: Head): Framing | undefined {
  const coding = head.field('transfer-encoding');
  const length = head.field('content-length');
  if (coding !== undefined && length !== undefined) throw new Malformed('Content-Length beside Transfer-Encoding');
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') throw new Malformed(`Transfer-Encoding: ${coding}`);
  if (coding !== undefined) return 'chunked';
  if (length !== undefined && !/^\d{1,15}$/.test(length)) throw new Malformed(`Content-Length: ${length}`);
  return length === undefined ? undefined : Number(length);
}

export function requestFraming(head: Head): Framing {
  if (!/^[^ ]+ [^ ]+ HTTP\/1\.[01]$/.test(head.startLine))
    throw new Malformed(`request line ${JSON.stringify(head.startLine)}`);
  return lengthOf(head) ?? 'none';
}

export function responseFraming(head: Head, method: string): Framing {
  const status = statusOf(head);
  const told = lengthOf(head);
  if (status < 200 || status === 204) {
    if (told !== undefined) throw new Malformed(`a length in a ${status}`);
    return 'none';
  }
  if (method === 'HEAD' || status === 304) return 'none';
  return told ?? 'close';
}

export function statusOf(head: Head): number {
  const status = /^HTTP\/1\.[01] ([1-5]\d\d) [\t\x20-\x7e\x80-\xff]*$/.exec(head.startLine)?.[1];
  if (status === undefined) throw new Malformed(`status line ${JSON.stringify(head.startLine)}`);
  return Number(status);
}
