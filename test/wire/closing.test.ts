import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { get, head, post, wire } from './harness.js';

wire('a balancer that closes ends each connection after the answer in progress', async (stage) => {
  const { client, origin, balancer } = stage;
  const idle = stage.connect();
  idle.send(get('/idle'));
  (await origin.request('GET /idle')).answer(200);
  await idle.response(200);
  client.send(post('/busy', 'body'));
  const call = await origin.request('POST /busy');
  const closed = balancer.close();
  await idle.expectClosed();
  await client.expectSilence();
  call.answer(200, 'last');
  const answer = await client.response(200, 'last');
  assert.match(answer.head.field('connection') ?? '', /close/i);
  await client.expectClosed();
  client.end();
  idle.end();
  await closed;
});

wire('a request that has begun to arrive when the balancer closes is still answered', async (stage) => {
  const { client, origin, balancer } = stage;
  const request = get('/');
  client.send(request.slice(0, 20));
  await stage.until('its beginning to be there', () => balancer.status().connections === 1);
  // Its octets may arrive after the connection itself.
  await client.expectSilence();
  const closed = balancer.close();
  client.send(request.slice(20));
  (await origin.request()).answer(200, 'ok');
  assert.equal((await client.response(200, 'ok')).head.field('connection'), 'close');
  await client.expectClosed();
  client.end();
  await closed;
});

wire(
  'an answer that is on its way when the balancer closes arrives whole, then its connection is closed',
  async (stage) => {
    const { client, origin, balancer } = stage;
    client.send(get('/'));
    const call = await origin.request();
    call.send(head('HTTP/1.1 200 OK', 'Content-Length: 10'), 'half ');
    const answer = await client.head();
    const closed = balancer.close();
    call.send('of it');
    await client.rest(answer);
    assert.equal(answer.body.text, 'half of it');
    await client.expectClosed();
    client.end();
    await closed;
  },
);

wire('a client that does not read holds up the close no longer than its time-out', async (stage) => {
  const { client, origin, balancer } = stage;
  client.stopReading().send(get('/'));
  const call = await origin.request();
  call.send(head('HTTP/1.1 200 OK', `Content-Length: ${2 ** 30}`), Buffer.alloc(16 * 2 ** 20));
  await balancer.close({ timeout: '200ms' });
  await call.peer.expectGone();
});

wire(
  'those who wait for a place when the balancer closes are closed, and nobody new is accepted',
  async (stage) => {
    const { client, origin, balancer } = stage;
    client.send(get('/'));
    const call = await origin.request();
    const waiting = stage.connect().send(get('/'));
    await stage.until('the other to wait', () => balancer.status().limits.maxConnections === 1);
    const closed = balancer.close();
    await waiting.expectGone();
    const late = net.connect({ host: '127.0.0.1', port: stage.port });
    const [error] = (await once(late, 'error')) as [NodeJS.ErrnoException];
    assert.equal(error.code, 'ECONNREFUSED');
    call.answer(200);
    await client.response(200);
    client.end();
    await closed;
    origin.expectNothing();
  },
  { options: { maxConnections: 1 } },
);
