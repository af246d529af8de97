import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import type { LoadBalancerOptions } from 'node-multiserver';
import { get, head, wire, type Stage } from './harness.js';

// That each time-out of the options reaches the place that enforces it, with its status and counter. When it is over to the
// millisecond is tested with a clock of its own, in src/http1.

/** A Node timer may fire this much before its time. */
const EARLY = 2;

interface TimeOut {
  readonly option: string;
  readonly options: LoadBalancerOptions;
  /** ms that must have passed. */
  readonly time: number;
  readonly code: string;
  /** 0: cut, or closed without an answer. */
  readonly status: number;
  readonly play: (stage: Stage) => Promise<void>;
}

const UPGRADE = ['Connection: Upgrade', 'Upgrade: websocket'];
const POST = head('POST / HTTP/1.1', 'Host: a.example', 'Content-Length: 100000');
const asked = async ({ client, origin }: Stage): Promise<void> => {
  client.send(get('/'));
  await origin.request();
};

const TIME_OUTS: TimeOut[] = [
  {
    option: 'headTimeout',
    options: { headTimeout: '300ms' },
    time: 300,
    code: 'MS_REQUEST_TIMEOUT',
    status: 408,
    play: async ({ client }) => void client.send('GET / HTTP/1.1\r\nHost: a'),
  },
  {
    option: 'bodyIdleTimeout',
    options: { bodyIdleTimeout: '300ms' },
    time: 300,
    code: 'MS_REQUEST_TIMEOUT',
    status: 408,
    play: async ({ client }) => void client.send(POST, 'some'),
  },
  {
    option: 'minBodyRate',
    options: { minBodyRate: '1KB' },
    time: 10_000,
    code: 'MS_REQUEST_TIMEOUT',
    status: 408,
    play: async ({ client }) => void client.send(POST, 'x'.repeat(9000)),
  },
  {
    option: 'responseTimeout',
    options: { responseTimeout: '300ms' },
    time: 300,
    code: 'MS_RESPONSE_TIMEOUT',
    status: 504,
    play: asked,
  },
  {
    option: 'timeout',
    options: { timeout: '300ms' },
    time: 300,
    code: 'MS_TIMEOUT',
    status: 504,
    play: asked,
  },
  {
    option: 'queue.timeout',
    options: { queue: { timeout: '300ms' }, maxConcurrentConnections: 1 },
    time: 300,
    code: 'MS_QUEUE_TIMEOUT',
    status: 503,
    play: async (stage) => {
      stage.connect().send(get('/first'));
      await stage.origin.request();
      stage.client.send(get('/'));
    },
  },
  {
    option: 'responseIdleTimeout',
    options: { responseIdleTimeout: '300ms' },
    time: 300,
    code: 'MS_RESPONSE_STALLED',
    status: 0,
    play: async ({ client, origin }) => {
      client.send(get('/'));
      (await origin.request()).send(head('HTTP/1.1 200 OK', 'Content-Length: 10'), 'half');
    },
  },
  {
    option: 'tunnelIdleTimeout',
    options: { tunnelIdleTimeout: '300ms' },
    time: 300,
    code: 'MS_RESPONSE_STALLED',
    status: 0,
    play: async ({ client, origin }) => {
      client.send(get('/', ...UPGRADE, 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13'));
      const accept = 'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
      (await origin.head()).send(head('HTTP/1.1 101 Switching Protocols', ...UPGRADE, accept));
    },
  },
];

for (const { option, options, time, code, status, play } of TIME_OUTS) {
  wire(
    `${option} ${status === 0 ? 'cuts' : `is answered with ${status}`} when its time is over, and counted once`,
    async (stage) => {
      const { client, balancer } = stage;
      const since = performance.now();
      await play(stage);
      const happened = () => client.ended || client.gone || client.input.length > 0 || undefined;
      await client.until(
        'an answer or a close',
        status === 0 ? () => client.ended || client.gone || undefined : happened,
        30_000,
      );
      if (status !== 0) {
        const answer = await client.response(status);
        assert.equal((JSON.parse(answer.body.text) as { code: string }).code, code);
      }
      assert.ok(performance.now() - since >= time - EARLY, `after ${performance.now() - since} ms`);
      const { errors, limits } = balancer.status();
      assert.equal(errors[code as keyof typeof errors], 1);
      assert.deepEqual(
        Object.entries(limits).filter(([, count]) => count > 0),
        [[option, 1]],
      );
    },
    { options, settles: false },
  );
}

wire(
  'writeTimeout ends the connection of a client that takes nothing of its answer, counted once, and lets its endpoint go',
  async (stage) => {
    const { client, origin, balancer } = stage;
    client.stopReading().send(get('/'));
    const call = await origin.request();
    call.send(head('HTTP/1.1 200 OK', `Content-Length: ${2 ** 30}`), Buffer.alloc(16 * 2 ** 20));
    await stage.until('it to be counted', () => balancer.status().limits.writeTimeout === 1);
    await call.peer.expectGone();
    assert.deepEqual(balancer.status().errors, { MS_CLIENT_STALLED: 1 });
    await client.readAgain().expectGone();
  },
  { options: { writeTimeout: '300ms' } },
);

wire(
  'keepAliveTimeout closes an idle connection politely, which is no error',
  async ({ client, origin, balancer }) => {
    client.send(get('/'));
    (await origin.request()).answer(200);
    await client.response(200);
    await client.expectClosed();
    const { errors, limits } = balancer.status();
    assert.deepEqual(errors, {});
    assert.equal(limits.keepAliveTimeout, 1);
  },
  { options: { keepAliveTimeout: '300ms' } },
);

wire(
  'https.handshakeTimeout closes a connection that does not shake hands',
  async (stage) => {
    const socket = net.connect({ host: '127.0.0.1', port: stage.port });
    const since = performance.now();
    await once(socket.resume(), 'close');
    assert.ok(performance.now() - since >= 300 - EARLY);
    assert.equal(stage.balancer.status().limits['https.handshakeTimeout'], 1);
  },
  { options: { https: { handshakeTimeout: '300ms' } }, secure: true },
);

wire(
  'an answer that lies ready is not taken for late when the balancer itself was held up for longer than the time-out',
  async ({ client, origin }) => {
    client.send(get('/'));
    const call = await origin.request();
    call.answer(200, 'in time');
    // Origin and balancer share this thread.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
    await client.response(200, 'in time');
  },
  { options: { responseTimeout: 500 } },
);
