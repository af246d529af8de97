import assert from 'node:assert/strict';
import { get, head, wire } from './harness.js';

const POST = head('POST / HTTP/1.1', 'Host: a.example', 'Content-Length: 1000');

wire(
  'a client that closes its side in the middle of a body is gone, also before the endpoint is connected',
  async (stage) => {
    const { client, balancer } = stage;
    client.send(POST + 'half').end();
    // What came of the request is given up, whether or not any of it had left.
    await client.expectGone();
    assert.deepEqual(balancer.status().errors, { MS_CLIENT_GONE: 1 });
  },
);

wire('a client that closes its side after a whole request gets its answer', async ({ client, origin }) => {
  client.send(get('/')).end();
  (await origin.request()).answer(200, 'ok');
  await client.response(200, 'ok');
  await client.expectClosed();
});

wire('a client that closes its side after pipelined requests gets all answers', async ({ client, origin }) => {
  origin.onCall = (call) => call.answer(200, call.target);
  client.send(get('/1') + get('/2') + get('/3')).end();
  for (const target of ['/1', '/2', '/3']) await client.response(200, target);
  await client.expectClosed();
});

wire('a client that closed its side and whose answer does not come is gone within a second', async (stage) => {
  stage.client.send(get('/')).end();
  const call = await stage.origin.request();
  await call.peer.expectGone();
  assert.deepEqual(stage.balancer.status().errors, { MS_CLIENT_GONE: 1 });
});

wire('what came through a tunnel before the client closed its side arrives before the close', async (stage) => {
  const { client, origin } = stage;
  const upgrade = ['Connection: Upgrade', 'Upgrade: websocket'];
  const key = ['Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13'];
  client.send(get('/', ...upgrade, ...key) + 'first words').end();
  const call = await origin.head();
  call.send(head('HTTP/1.1 101 Switching Protocols', ...upgrade, 'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo='));
  await call.peer.expect('first words');
  await call.peer.until('the end of the tunnel', () => call.peer.ended || undefined);
  call.send('last words').peer.end();
  await client.head();
  await client.expect('last words');
  await client.expectClosed();
});
