import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';

export interface Service {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly target: string;
}

/** What the server knows of a name: addresses, services, or how it does not answer. */
export type Answer = readonly (string | Service)[] | 'no such name' | 'failure' | 'silence';

const A = 1;
const AAAA = 28;
const SRV = 33;
const SERVFAIL = 2;
const NXDOMAIN = 3;

/** A small DNS server (RFC 1035) for UDP, whose answers can change and fail. */
export class DnsServer {
  readonly answers = new Map<string, Answer>();
  /** Questions that came, as `A api.test`. */
  readonly questions: string[] = [];
  readonly #socket: Socket = createSocket('udp4');

  async listen(host = '127.0.0.1', port = 0): Promise<void> {
    this.#socket.on('message', (question, from) => this.#onQuestion(question, from));
    this.#socket.on('error', () => {});
    this.#socket.bind(port, host);
    await once(this.#socket, 'listening');
  }

  /** As `servers` of a discovery takes it. */
  get address(): string {
    const { address, port } = this.#socket.address();
    return `${address}:${port}`;
  }

  close(): void {
    this.#socket.close();
  }

  #onQuestion(query: Buffer, { address, port }: RemoteInfo): void {
    const { name, end } = readName(query, 12);
    const type = query.readUInt16BE(end);
    this.questions.push(`${type === A ? 'A' : type === AAAA ? 'AAAA' : type === SRV ? 'SRV' : type} ${name}`);
    const answer = this.answers.get(name) ?? 'no such name';
    if (answer === 'silence') return;
    const records =
      typeof answer === 'string' ? [] : answer.map((record) => recordOf(record)).filter((r) => r.type === type);
    const code = answer === 'failure' ? SERVFAIL : answer === 'no such name' ? NXDOMAIN : 0;
    const head = Buffer.alloc(12);
    query.copy(head, 0, 0, 2);
    // A response, recursion desired and available.
    head.writeUInt16BE(0x8180 | code, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(records.length, 6);
    const question = query.subarray(12, end + 4);
    this.#socket.send(Buffer.concat([head, question, ...records.map(write)]), port, address);
  }
}

function readName(message: Buffer, at: number): { name: string; end: number } {
  const labels: string[] = [];
  for (let length = message[at]!; length > 0; length = message[at]!) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 };
}

function writeName(name: string): Buffer {
  const labels = name.split('.').filter((label) => label !== '');
  return Buffer.concat([
    ...labels.map((label) => Buffer.from(String.fromCharCode(label.length) + label, 'latin1')),
    Buffer.alloc(1),
  ]);
}

function recordOf(record: string | Service): { type: number; data: Buffer } {
  if (typeof record !== 'string') {
    const numbers = Buffer.alloc(6);
    numbers.writeUInt16BE(record.priority, 0);
    numbers.writeUInt16BE(record.weight, 2);
    numbers.writeUInt16BE(record.port, 4);
    return { type: SRV, data: Buffer.concat([numbers, writeName(record.target)]) };
  }
  if (!record.includes(':')) return { type: A, data: Buffer.from(record.split('.').map(Number)) };
  const [front = '', back = ''] = record.split('::');
  const data = Buffer.alloc(16);
  groups(front).forEach((group, i) => data.writeUInt16BE(group, 2 * i));
  groups(back)
    .toReversed()
    .forEach((group, i) => data.writeUInt16BE(group, 14 - 2 * i));
  return { type: AAAA, data };
}

function groups(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}

function write({ type, data }: { type: number; data: Buffer }): Buffer {
  const head = Buffer.alloc(12);
  // The name is that of the question.
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(1, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}
