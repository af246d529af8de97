import assert from 'node:assert/strict';
import { get, wire } from './harness.js';

const CLOSING = get('/', 'Connection: close');

wire(
  'up to maxConnections are served; more wait, in order, and none is reset',
  async (stage) => {
    const { origin, balancer } = stage;
    const clients = Array.from({ length: 5 }, () => stage.connect().send(CLOSING));
    const calls = [await origin.request(), await origin.request(), await origin.request()];
    await stage.until('the others to wait', () => balancer.status().limits.maxConnections === 2);
    assert.equal(balancer.status().connections, 3);
    await clients[3]!.expectSilence();
    await clients[4]!.expectSilence(0);
    origin.expectNothing();
    calls[1]!.answer(200, 'second');
    await clients[1]!.response(200, 'second');
    clients[1]!.close();
    (await origin.request()).answer(200, 'fourth');
    await clients[3]!.response(200, 'fourth');
    clients[3]!.close();
    (await origin.request()).answer(200, 'fifth');
    await clients[4]!.response(200, 'fifth');
    calls[0]!.answer(200, 'first');
    calls[2]!.answer(200, 'third');
    await clients[0]!.response(200, 'first');
    await clients[2]!.response(200, 'third');
    assert.deepEqual(balancer.status().errors, {});
  },
  { options: { maxConnections: 3 } },
);

wire(
  'while others wait, connections that were idle for two seconds make room; those in use do not',
  async (stage) => {
    const { client, origin, balancer } = stage;
    client.send(get('/slow'));
    const slow = await origin.request();
    const idle = stage.connect().send(get('/'));
    (await origin.request()).answer(200);
    await idle.response(200);
    const since = performance.now();
    const waiting = stage.connect().send(get('/waiting'));
    (await origin.request('GET /waiting')).answer(200);
    await waiting.response(200);
    assert.ok(performance.now() - since > 1500, 'the idle one had its time');
    await idle.expectClosed();
    slow.answer(200);
    await client.response(200);
    assert.equal(balancer.status().limits.maxConnections, 1);
  },
  { options: { maxConnections: 2 } },
);

wire(
  'a client may have maxConnectionsPerClient; one more is answered with 429, and other clients are not affected',
  async (stage) => {
    const { origin, balancer } = stage;
    origin.onCall = (call) => call.answer(200);
    const first = stage.connect();
    await first.send(get('/')).response(200);
    const second = stage.connect();
    await second.send(get('/')).response(200);
    const third = stage.connect();
    const refused = await third.response(429);
    assert.equal(refused.head.field('connection'), 'close');
    assert.equal((JSON.parse(refused.body.text) as { code: string }).code, 'MS_TOO_MANY_CONNECTIONS');
    await third.expectClosed();
    assert.equal(balancer.status().limits.maxConnectionsPerClient, 1);
    assert.deepEqual(balancer.status().errors, { MS_TOO_MANY_CONNECTIONS: 1 });

    await stage.connect('127.0.0.2').send(get('/')).response(200);
    first.close();
    await stage.until('the first to be gone', () => balancer.status().connections === 2);
    await stage.connect().send(get('/')).response(200);
    assert.equal(balancer.status().limits.maxConnectionsPerClient, 1);
  },
  { options: { maxConnectionsPerClient: 2 } },
);

wire(
  'maxConnectionsPerClient does not limit trusted proxies, from which many clients come',
  async (stage) => {
    stage.origin.onCall = (call) => call.answer(200);
    for (let i = 0; i < 3; i++) await stage.connect().send(get('/')).response(200);
    assert.equal(stage.balancer.status().connections, 3);
  },
  { options: { maxConnectionsPerClient: 1, trustedProxies: ['loopback'] } },
);

wire(
  'the last of maxRequestsPerConnection is told that the connection closes, and those behind it reach no endpoint',
  async ({ client, origin, balancer }) => {
    origin.onCall = (call) => call.answer(200);
    client.send(get('/').repeat(2));
    for (let i = 0; i < 2; i++) assert.equal((await client.response(200)).head.field('connection'), undefined);
    assert.equal(balancer.status().limits.maxRequestsPerConnection, 0);
    client.send(get('/').repeat(2));
    assert.equal((await client.response(200)).head.field('connection'), 'close');
    await client.expectClosed();
    assert.equal(origin.calls.length, 3);
    assert.equal(balancer.status().limits.maxRequestsPerConnection, 1);
    assert.deepEqual(balancer.status().errors, {});
  },
  { options: { maxRequestsPerConnection: 3 } },
);
