import assert from 'node:assert/strict';
import { get, head, wire } from './harness.js';

const handshake = (target: string): string =>
  head(
    `GET ${target} HTTP/1.1`,
    'Host: a.example',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  );
const switching = head(
  'HTTP/1.1 101 Switching Protocols',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
);
const stream = head('HTTP/1.1 200 OK', 'Content-Type: text/event-stream', 'Transfer-Encoding: chunked');

wire(
  'maxConcurrent: when every endpoint has its number of requests, the next one waits for whichever is free first',
  async (stage) => {
    const { origins, balancer } = stage;
    const [first, second] = origins as [(typeof origins)[0], (typeof origins)[0]];
    const clients = [1, 2, 3].map((n) => stage.connect().send(get(`/${n}`)));
    await first.request();
    const slow = await second.request();
    await stage.until('the third request to wait', () => balancer.status().queued === 1);
    slow.answer(200, 'done');
    const third = await second.request();
    third.answer(200, 'done');
    first.expectNothing();
    first.calls[0]!.answer(200, 'done');
    for (const client of clients) await client.response(200, 'done');
  },
  { origins: 2, options: { maxConcurrent: 1 } },
);

wire(
  'maxConcurrent: an endpoint that joins takes those who wait',
  async (stage) => {
    const { origins, balancer } = stage;
    const [first, second] = origins as [(typeof origins)[0], (typeof origins)[0]];
    balancer.endpoints.maintenance(second.url);
    const clients = [1, 2].map((n) => stage.connect().send(get(`/${n}`)));
    const one = await first.request();
    await stage.until('the second request to wait', () => balancer.status().queued === 1);
    balancer.endpoints.resume(second.url);
    (await second.request()).answer(200, 'done');
    one.answer(200, 'done');
    for (const client of clients) await client.response(200, 'done');
  },
  { origins: 2, options: { maxConcurrent: 1 } },
);

wire(
  'a WebSocket holds no place of a request, and an event stream none either',
  async (stage) => {
    const { origin } = stage;
    const socket = stage.connect().send(handshake('/ws'));
    const tunnel = (await origin.request()).send(switching);
    assert.equal((await socket.head()).status, 101);
    const reader = stage.connect().send(get('/events'));
    const events = (await origin.request()).send(stream);
    await reader.head();
    const client = stage.connect().send(get('/'));
    (await origin.request('GET /')).answer(200, 'done');
    await client.response(200, 'done');
    events.peer.close();
    tunnel.peer.close();
  },
  { options: { maxConcurrent: 1, maxConcurrentConnections: 1 } },
);

wire(
  'maxLongLived: one more WebSocket is refused before it reaches an endpoint, requests are not, and a place that is given back is free',
  async (stage) => {
    const { origin, balancer } = stage;
    const first = stage.connect().send(handshake('/1'));
    const tunnel = (await origin.request()).send(switching);
    assert.equal((await first.head()).status, 101);
    const refused = await stage.connect().send(handshake('/2')).response(503);
    assert.match(refused.body.text, /MS_LONG_LIVED_FULL/);
    assert.equal(refused.head.field('retry-after'), '1');
    origin.expectNothing();
    const client = stage.connect().send(get('/'));
    (await origin.request('GET /')).answer(200, 'done');
    await client.response(200, 'done');
    first.close();
    await tunnel.peer.expectClosed();
    tunnel.peer.close();
    await stage.until('the tunnel to end', () => balancer.status().inFlight === 0);
    const third = stage.connect().send(handshake('/3'));
    const again = (await origin.request()).send(switching);
    assert.equal((await third.head()).status, 101);
    again.peer.close();
  },
  { options: { maxLongLived: 1 } },
);

wire(
  'maxLongLived: an answer that turns out to be one event stream too many is refused, and its endpoint let go',
  async (stage) => {
    const { origin } = stage;
    const first = stage.connect().send(get('/1'));
    const events = (await origin.request()).send(stream);
    const reading = await first.head();
    const second = stage.connect().send(get('/2'));
    const surplus = (await origin.request()).send(stream);
    assert.match((await second.response(503)).body.text, /MS_LONG_LIVED_FULL/);
    await surplus.peer.expectGone();
    events.send('0\r\n\r\n');
    await first.rest(reading);
  },
  { options: { maxLongLived: 1 } },
);

wire(
  'slowStart: an endpoint that joins a working pool begins with a tenth of its weight and grows to all of it',
  async (stage) => {
    const { origins, balancer } = stage;
    const [first, second] = origins as [(typeof origins)[0], (typeof origins)[0]];
    balancer.endpoints.remove(second.url);
    const { readySince } = balancer.endpoints.find(first.url)!;
    await stage.until('the first endpoint to be warm', () => performance.now() - readySince > 300);
    const joined = balancer.endpoints.add(second.url, { weight: 2 });
    assert.ok(joined.weight >= 0.199 && joined.weight < 1, `${joined.weight}`);
    // A tenth of ten, rounded up: two as soon as any time has passed.
    assert.ok(joined.limit <= 2, `${joined.limit}`);
    await stage.until('its weight to be whole', () => joined.weight === 2 && joined.limit === 10);
  },
  { origins: 2, options: { slowStart: 300, maxConcurrent: 10 } },
);
