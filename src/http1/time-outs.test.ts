import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import type { MultiserverError } from '../errors.js';
import { BODY_LENGTH, BODY_NONE, type RequestSink } from '../exchange.js';
import { noHits, type Limit } from '../util/limits.js';
import { ClientConnection } from './client-connection.js';
import type { Dial, ResponseHandler } from './client-settings.js';
import { headOf } from './fields.js';
import { ServerConnection } from './server-connection.js';
import type { ServerExchange } from './server-exchange.js';

// Real sockets, and a clock that only the test moves: each time-out is told from the millisecond before it.

const HEADS = { maxHeadSize: 16_384, maxFields: 100, maxTargetSize: 8192 };
const FRONT = {
  headTimeout: 10_000,
  bodyIdleTimeout: 30_000,
  minBodyRate: 1024,
  bodyRateGrace: 10_000,
  writeTimeout: 30_000,
  keepAliveTimeout: 65_000,
  maxRequestsPerConnection: 10_000,
  maxBodySize: Infinity,
};
const BACK = {
  connectTimeout: 3000,
  responseTimeout: 30_000,
  responseIdleTimeout: 60_000,
  tunnelIdleTimeout: 3_600_000,
};
const WAITING: RequestSink = {
  onRequestData: () => true,
  onRequestEnd: () => {},
  onClientGone: () => {},
  onReplyDrain: () => {},
};

let server: Server;
let onAccept: (socket: Socket) => void;
const sockets = new Set<Socket>();

before(async () => {
  server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onAccept(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});

after(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
});

const port = (): number => (server.address() as AddressInfo).port;

const dial: Dial = (onread) => connect({ host: '127.0.0.1', port: port(), onread });

/** Both ends of a connection. */
async function pair(): Promise<[ours: Socket, theirs: Socket]> {
  const accepted = new Promise<Socket>((resolve) => (onAccept = resolve));
  const theirs = connect({ port: port(), host: '127.0.0.1' });
  sockets.add(theirs);
  theirs.on('error', () => {});
  return [await accepted, theirs];
}

/** What happened at the front, on a clock that starts at 0. */
class Front {
  readonly hits = noHits();
  readonly errors: string[] = [];
  readonly exchanges: ServerExchange[] = [];
  now = 0;
  connection!: ServerConnection;
  client!: Socket;

  static async open(): Promise<Front> {
    const front = new Front();
    const [ours, theirs] = await pair();
    const client = { address: '127.0.0.1', port: 1, localAddress: '', localPort: 1, encrypted: false };
    front.client = theirs;
    front.connection = new ServerConnection(ours, client, {
      ...HEADS,
      ...FRONT,
      hits: front.hits,
      now: () => front.now,
      onExchange: (exchange) => {
        front.exchanges.push(exchange);
        exchange.receive(WAITING);
      },
      onRefused: (exchange, error) => {
        front.errors.push(error.code);
        exchange.sendHead(error.status, '', headOf([]), BODY_NONE, 0);
        exchange.sendEnd(null);
      },
      onExchangeEnd: () => {},
      onClose: () => {},
    });
    ours.on('data', (chunk) => front.connection.onRead(chunk, chunk.length));
    return front;
  }

  /** The client sends `text`, and it arrives. */
  async sends(text: string): Promise<void> {
    const arrived = once(this.connection.socket, 'data');
    this.client.write(text, 'latin1');
    await arrived;
  }

  /** `limit` is exceeded at `time` and not a millisecond before. */
  exceeds(limit: Limit, time: number): void {
    this.connection.tick((this.now = time - 1));
    assert.equal(this.hits[limit], 0, `${limit} a millisecond before`);
    this.connection.tick((this.now = time));
    assert.deepEqual(hit(this.hits), { [limit]: 1 });
    this.connection.tick((this.now = time + 1));
    assert.deepEqual(hit(this.hits), { [limit]: 1 }, 'counted once');
  }
}

const hit = (hits: Record<string, number>) => Object.fromEntries(Object.entries(hits).filter(([, count]) => count > 0));
const post = (length: number) => `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`;

test('a head must be whole within headTimeout from its first octet, however its octets come', async () => {
  const front = await Front.open();
  front.now = 5000;
  await front.sends('GET / HT');
  front.now = 14_000;
  await front.sends('TP/1.1\r\n');
  front.exceeds('headTimeout', 15_000);
  assert.deepEqual(front.errors, ['MS_REQUEST_TIMEOUT']);
});

test('a connection may be idle for keepAliveTimeout, from its start and from each answer', async () => {
  const silent = await Front.open();
  silent.exceeds('keepAliveTimeout', 65_000);
  assert.deepEqual(silent.errors, []);

  const front = await Front.open();
  front.now = 10_000;
  await front.sends('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  front.now = 20_000;
  front.exchanges[0]!.sendHead(200, 'OK', headOf([]), BODY_NONE, 0);
  front.exchanges[0]!.sendEnd(null);
  front.exceeds('keepAliveTimeout', 85_000);
});

test('an empty line, as old clients send it after a request, is not the beginning of the next one', async () => {
  const front = await Front.open();
  front.now = 1000;
  await front.sends('\r\n');
  assert.equal(front.connection.idle, true);
  front.exceeds('keepAliveTimeout', 66_000);

  const late = await Front.open();
  await late.sends('\r\n');
  late.now = 20_000;
  await late.sends('G');
  assert.equal(late.connection.idle, false);
  late.exceeds('headTimeout', 30_000);
});

test('a body may pause for bodyIdleTimeout', async () => {
  const front = await Front.open();
  await front.sends(post(100_000));
  front.now = 5000;
  await front.sends('x'.repeat(50_000));
  front.exceeds('bodyIdleTimeout', 35_000);
  assert.deepEqual(front.errors, ['MS_REQUEST_TIMEOUT']);
});

test('a body must bring minBodyRate on average once its first 10 s are over', async () => {
  const front = await Front.open();
  await front.sends(post(100_000));
  front.now = 9000;
  await front.sends('x'.repeat(10_240));
  front.exceeds('minBodyRate', 10_001);
  assert.deepEqual(front.errors, ['MS_REQUEST_TIMEOUT']);

  const enough = await Front.open();
  await enough.sends(post(100_000));
  enough.now = 9000;
  await enough.sends('x'.repeat(10_240 + 1024));
  enough.exceeds('minBodyRate', 11_001);
});

test('time for which a body had to wait is not held against its client', async () => {
  const front = await Front.open();
  await front.sends(post(100_000));
  front.exchanges[0]!.sink = { ...WAITING, onRequestData: () => false };
  await front.sends('x'.repeat(10_240));
  front.connection.tick((front.now = 1_000_000));
  assert.deepEqual(hit(front.hits), {});
  front.exchanges[0]!.resume();
  front.exceeds('minBodyRate', 1_010_001);
});

test('a client that takes nothing for writeTimeout is reset; taking a little is not nothing', async () => {
  const front = await Front.open();
  const { client } = front;
  await front.sends('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  client.pause();
  const exchange = front.exchanges[0]!;
  exchange.sendHead(200, 'OK', headOf([]), BODY_LENGTH, 2 ** 30);
  const piece = Buffer.alloc(65_536);
  for (let i = 0; i < 1000 && exchange.sendData(piece); i++) await settled(front.connection.socket);
  await settled(front.connection.socket);
  front.connection.tick((front.now = 29_999));
  const before = front.connection.socket.writableLength;
  assert.ok(before > 0, 'more waits than the kernel takes');
  front.now = 30_000;
  client.resume();
  while (front.connection.socket.writableLength === before) await new Promise((resolve) => setTimeout(resolve, 5));
  client.pause();
  await settled(front.connection.socket);
  while (exchange.sendData(piece)) await settled(front.connection.socket);
  await settled(front.connection.socket);
  front.connection.tick(front.now);
  assert.deepEqual(hit(front.hits), {}, 'it took something');
  front.exceeds('writeTimeout', 60_000);
  assert.equal(exchange.error?.code, 'MS_CLIENT_STALLED');
});

/** The kernel has taken what it takes for now. */
async function settled(socket: Socket): Promise<void> {
  for (let length = -1; length !== socket.writableLength;) {
    length = socket.writableLength;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A connection to an endpoint, on a clock that starts at 0. */
class Back implements ResponseHandler {
  readonly hits = noHits();
  readonly errors: MultiserverError[] = [];
  now = 0;
  readonly connection: ClientConnection;
  endpoint!: Socket;
  onConnected!: () => void;
  onData: () => boolean = () => true;
  #heard: () => void = () => {};

  constructor() {
    const settings = { ...HEADS, ...BACK, hits: this.hits, now: () => this.now, onIdle: () => {}, onClose: () => {} };
    this.connection = new ClientConnection(dial, settings, this);
    sockets.add(this.connection.socket);
  }

  static async open(): Promise<Back> {
    const accepted = new Promise<Socket>((resolve) => (onAccept = resolve));
    const back = new Back();
    await new Promise<void>((resolve) => (back.onConnected = resolve));
    back.endpoint = await accepted;
    back.connection.begin('GET / HTTP/1.1\r\n\r\n', 'GET', BODY_NONE, true);
    return back;
  }

  async answers(text: string): Promise<void> {
    const heard = new Promise<void>((resolve) => (this.#heard = resolve));
    this.endpoint.write(text, 'latin1');
    await heard;
  }

  onInterim(): void {}
  onResponseHead(): void {
    this.#heard();
  }
  onResponseData(): boolean {
    this.#heard();
    return this.onData();
  }
  onResponseEnd(): void {}
  onRequestDrain(): void {}
  onResponseError(error: MultiserverError): void {
    this.errors.push(error);
  }

  exceeds(limit: Limit, code: string, time: number): void {
    this.connection.tick((this.now = time - 1));
    assert.deepEqual(hit(this.hits), {}, 'a millisecond before');
    this.connection.tick((this.now = time));
    this.connection.tick((this.now = time + 1));
    assert.deepEqual(hit(this.hits), { [limit]: 1 });
    assert.deepEqual(
      this.errors.map((error) => error.code),
      [code],
    );
  }
}

test('an endpoint must accept within connectTimeout', () => {
  // Nothing happens between the lines: it stays as it is right after the call.
  new Back().exceeds('connectTimeout', 'MS_CONNECT_TIMEOUT', 3000);
});

test('connecting takes no longer than the exchange has left', () => {
  const back = new Back();
  back.connection.connectBy(2000);
  back.exceeds('timeout', 'MS_TIMEOUT', 2000);
});

test('an endpoint must answer within responseTimeout from the end of the request', async () => {
  const back = await Back.open();
  back.now = 5000;
  back.connection.sendEnd(null, Infinity);
  back.exceeds('responseTimeout', 'MS_RESPONSE_TIMEOUT', 35_000);
});

test('an endpoint must answer within what the exchange has left', async () => {
  const back = await Back.open();
  back.connection.sendEnd(null, 20_000);
  back.exceeds('timeout', 'MS_TIMEOUT', 20_000);
});

test('an answer may pause for responseIdleTimeout, and for as long as the client makes it wait', async () => {
  const back = await Back.open();
  back.connection.sendEnd(null, Infinity);
  back.now = 10_000;
  await back.answers('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n');
  back.now = 60_000;
  await back.answers('some');
  back.onData = () => false;
  await back.answers('more');
  back.connection.tick((back.now = 1_000_000));
  assert.deepEqual(hit(back.hits), {});
  back.connection.resume();
  back.exceeds('responseIdleTimeout', 'MS_RESPONSE_STALLED', 1_060_000);
});

test('a tunnel, and an answer that may be silent, may pause for tunnelIdleTimeout', async () => {
  const tunnel = await Back.open();
  tunnel.connection.sendEnd(null, Infinity);
  const accept = 'Sec-WebSocket-Accept: x\r\n';
  await tunnel.answers(`HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${accept}\r\n`);
  tunnel.exceeds('tunnelIdleTimeout', 'MS_RESPONSE_STALLED', 3_600_000);

  const stream = await Back.open();
  stream.connection.sendEnd(null, Infinity);
  await stream.answers('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
  stream.connection.allowSilence();
  stream.exceeds('tunnelIdleTimeout', 'MS_RESPONSE_STALLED', 3_600_000);
});
