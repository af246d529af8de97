import { type ClientRequest, createServer, type IncomingMessage, METHODS, request, type Server } from 'node:http';
import { Duplex } from 'node:stream';
import type { Message, Reading } from './reading.test.fake.js';

/** One end of a connection: brings what it is given, and swallows what is written. */
class Wire extends Duplex {
  override _read(): void {}
  override _write(_chunk: unknown, _encoding: unknown, done: () => void): void {
    done();
  }
}

/** Why Node's parser is no measure here, if so: that of Node 20.19 takes less of the RFC to heart. */
export const OLD_NODE = Number.parseInt(process.versions['llhttp']!) < 9 && 'the parser of this Node is too old';

/** Node's own server, in its strict mode, reading the octets of many connections. */
export class NodeServer {
  readonly #server: Server;
  readonly #requests = new WeakMap<object, IncomingMessage[]>();

  readonly #errors = new WeakMap<object, string>();

  constructor() {
    const take = (request: IncomingMessage): void => {
      collect(request);
      this.#requests.get(request.socket)!.push(request);
    };
    this.#server = createServer({
      insecureHTTPParser: false,
      maxHeaderSize: 65_536,
      connectionsCheckingInterval: 2 ** 30,
    });
    this.#server.maxHeadersCount = 0;
    this.#server.on('request', take).on('checkContinue', take).on('checkExpectation', take).on('connect', take);
    this.#server.on('clientError', (error: NodeJS.ErrnoException & { reason?: string }, socket) => {
      this.#errors.set(socket, `${error.code}: ${error.reason}`);
    });
  }

  /** Node's reading of each connection. */
  async read(connections: readonly Buffer[]): Promise<Reading[]> {
    const wires = connections.map((octets) => {
      const wire = new Wire();
      this.#requests.set(wire, []);
      this.#server.emit('connection', wire);
      wire.push(octets);
      return wire;
    });
    await settled();
    return wires.map((wire) => {
      const messages = this.#requests.get(wire)!.map(messageOf);
      wire.destroy();
      return { messages, end: this.#errors.get(wire) ?? '' };
    });
  }
}

/** The octets lie ready; some turns of the event loop bring them to their messages. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Node's own client, reading the answers to as many requests; of each connection the interim responses and the final one. */
export async function readAsNodeClient(connections: readonly Buffer[], method = 'GET'): Promise<Reading[]> {
  const asked = connections.map((octets) => {
    const reading: Reading = { messages: [], end: '' };
    const wire = new Wire();
    const answers: IncomingMessage[] = [];
    const asking: ClientRequest = request({
      createConnection: () => wire,
      method,
      insecureHTTPParser: false,
      maxHeaderSize: 65_536,
    });
    asking.on('response', (answer) => {
      answer.on('error', () => {});
      collect(answer);
      answers.push(answer);
    });
    asking.on('information', ({ httpVersion, statusCode, statusMessage, rawHeaders }) => {
      const start = `${httpVersion} ${statusCode} ${statusMessage}`;
      reading.messages.push({ start, fields: rawHeaders, body: '', trailers: [], whole: true });
    });
    asking.on('upgrade', (_, socket) => socket.destroy());
    asking.on('error', (error: NodeJS.ErrnoException) => (reading.end = error.code ?? error.message));
    asking.end();
    wire.push(octets);
    wire.push(null);
    return { reading, wire, answers };
  });
  await settled();
  return asked.map(({ reading, wire, answers }) => {
    reading.messages.push(...answers.map(messageOf));
    wire.destroy();
    return reading;
  });
}

const bodies = new WeakMap<IncomingMessage, string>();

function collect(message: IncomingMessage): void {
  bodies.set(message, '');
  message.on('data', (piece: Buffer) => bodies.set(message, bodies.get(message)! + piece.toString('latin1')));
}

function messageOf(message: IncomingMessage): Message {
  const { method, url, statusCode, statusMessage, httpVersion, rawHeaders, complete } = message;
  const body = bodies.get(message)!;
  const start =
    statusCode === null || statusCode === undefined
      ? `${method} ${url} ${httpVersion}`
      : `${httpVersion} ${statusCode} ${statusMessage}`;
  return { start, fields: rawHeaders, body, trailers: message.rawTrailers, whole: complete };
}

const INTERIM = /HTTP\/1\.(0 1|1 1\d\d[^]*\n(connection|content-length|transfer-encoding):)/i;

/**
 * Where Node refuses what RFC 9110 and 9112 allow. Nothing hangs on it: whatever we pass on is written anew, in the form that all read
 * alike.
 */
const NODE_IS_STRICTER: readonly (readonly [why: string, is: (message: Message, text: string) => boolean])[] = [
  ['a method that it does not know', ({ start }) => !start.startsWith('1.') && !METHODS.includes(start.split(' ')[0]!)],
  ['interim responses in HTTP/1.0, or with fields of a final one', (_, text) => INTERIM.test(text)],
  ['minor versions above 1 (RFC 9110 §2.5)', (_, text) => /HTTP\/1\.[2-9]/.test(text)],
  ['HTAB after a value (RFC 9110 §5.6.3)', (_, text) => /(length|encoding|connection):[^\r]*\t[ \t]*\r/i.test(text)],
  ['empty elements of a list (RFC 9110 §5.6.1)', (_, text) => /encoding:([ \t]*,|[^\r]*,[ \t]*(,|\r))/i.test(text)],
  ['white space in chunk extensions (RFC 9112 §7.1.1)', (_, text) => /[ \t][;=]|[;=][ \t]|;[^\r]*[ \t]\r/.test(text)],
  [
    'framing fields among trailers, which never frame',
    (_, text) => /\n0+[ ;\r].*(content-length|encoding)[^]*/is.test(text),
  ],
];

export const nodeIsStricter = (message: Message, text: string): boolean =>
  NODE_IS_STRICTER.some(([, is]) => is(message, text));
