import assert from 'node:assert/strict';
import { get, handshake, head, pause, switching, wire, type Stage } from './harness.js';

/** A tunnel, both ends of it. */
async function open({ client, origin }: Stage, path = '/ws') {
  client.send(handshake(path));
  const { peer } = await origin.request(`GET ${path}`);
  peer.send(switching);
  assert.equal((await client.head()).status, 101);
  return { client, peer };
}

wire('a WebSocket handshake passes with all that belongs to it, and its answer too', async ({ client, origin }) => {
  client.send(
    handshake(
      '/chat?room=1',
      'Sec-WebSocket-Protocol: chat, superchat',
      'Sec-WebSocket-Extensions: permessage-deflate',
    ),
  );
  const call = await origin.request('GET /chat?room=1');
  assert.equal(call.field('upgrade'), 'websocket');
  assert.equal(call.field('connection')?.toLowerCase(), 'upgrade');
  assert.equal(call.field('sec-websocket-key'), 'dGhlIHNhbXBsZSBub25jZQ==');
  assert.equal(call.field('sec-websocket-protocol'), 'chat, superchat');
  assert.equal(call.field('sec-websocket-extensions'), 'permessage-deflate');
  call.send(switching.replace('\r\n\r\n', '\r\nSec-WebSocket-Protocol: superchat\r\n\r\n'));
  const { status, head: answer } = await client.head();
  assert.equal(status, 101);
  assert.equal(answer.field('upgrade'), 'websocket');
  assert.equal(answer.field('connection')?.toLowerCase(), 'upgrade');
  assert.equal(answer.field('sec-websocket-accept'), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  assert.equal(answer.field('sec-websocket-protocol'), 'superchat');
  client.close();
  call.peer.close();
});

wire('bytes straight after the 101 reach the client, and any bytes pass both ways', async ({ client, origin }) => {
  const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  client.send(handshake('/ws'));
  const { peer } = await origin.request();
  peer.send(Buffer.concat([Buffer.from(switching), all]));
  await client.head();
  await client.expect(all);
  client.send(all, 'GET / HTTP/1.1\r\n\r\n');
  await peer.expect(all);
  await peer.expect('GET / HTTP/1.1\r\n\r\n');
  peer.send('HTTP/1.1 500 No\r\n\r\n');
  await client.expect('HTTP/1.1 500 No\r\n\r\n');
  client.close();
  peer.close();
});

wire('bytes that a client sends before the 101 wait for it', async ({ client, origin }) => {
  client.send(handshake('/ws'), 'early');
  const { peer } = await origin.request();
  await pause(60);
  assert.equal(peer.input.length, 0);
  peer.send(switching);
  await client.head();
  await peer.expect('early');
  client.close();
  peer.close();
});

wire('an endpoint may refuse a WebSocket: the connection goes on with the next request', async ({ client, origin }) => {
  for (const status of [403, 426, 200]) {
    client.send(handshake('/ws'));
    const call = await origin.request('GET /ws');
    call.answer(status, 'no');
    await client.response(status, 'no');
    call.peer.close();
  }
  client.send(get('/next'));
  (await origin.request('GET /next')).answer(200);
  await client.response(200);
});

wire('a client that half-closes its tunnel still gets what the endpoint says last', async (stage) => {
  const { client, peer } = await open(stage);
  client.send('bye').end();
  await peer.expect('bye');
  await peer.expectClosed();
  peer.send('and farewell').end();
  await client.expect('and farewell');
  await client.expectClosed();
});

wire('an endpoint that half-closes its tunnel ends it, after its last bytes', async (stage) => {
  const { client, peer } = await open(stage);
  peer.send('bye').end();
  await client.expect('bye');
  await client.expectClosed();
  client.end();
  await peer.expectClosed();
});

for (const who of ['client', 'peer'] as const) {
  wire(
    `a reset of the ${who === 'peer' ? 'endpoint' : who} takes the other side of a tunnel with it`,
    async (stage) => {
      const ends = await open(stage);
      const other = ends[who === 'client' ? 'peer' : 'client'];
      other.send('on its way');
      ends[who].reset();
      await other.expectGone();
      other.close();
    },
  );
}

wire(
  'a tunnel on which nothing is said is closed after tunnelIdleTimeout, one on which something is said is not',
  async (stage) => {
    const { client, peer } = await open(stage);
    for (let i = 0; i < 8; i++) {
      peer.send('tick');
      await client.expect('tick');
      await pause(200);
    }
    await client.expectClosed();
    await peer.expectClosed();
  },
  { options: { tunnelIdleTimeout: '1s' } },
);

for (const [what, fields] of [
  ['without a key', ['Connection: Upgrade', 'Upgrade: websocket']],
  ['whose Connection does not say so', ['Upgrade: websocket', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==']],
] as const) {
  wire(
    `an upgrade ${what} goes on as a plain request, and a 101 to it is a bad gateway`,
    async ({ client, origin }) => {
      client.send(get('/ws', ...fields));
      const call = await origin.request();
      assert.equal(call.field('upgrade'), undefined);
      call.send(switching);
      await client.response(502);
    },
  );
}

wire('an upgrade by POST or with a body goes on as a plain request', async ({ client, origin }) => {
  client.send(
    head(
      'POST /ws HTTP/1.1',
      'Host: a.example',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      'Content-Length: 2',
    ),
    'hi',
  );
  const call = await origin.request();
  assert.equal(call.field('upgrade'), undefined);
  assert.equal(call.body.text, 'hi');
  call.answer(200);
  await client.response(200);
});

wire(
  'tunnels do not hold the place of a request',
  async (stage) => {
    const { client } = await open(stage);
    const second = stage.connect();
    second.send(get('/'));
    (await stage.origin.request('GET /')).answer(200);
    await second.response(200);
    client.close();
    stage.origin.peers[0]!.close();
  },
  { options: { maxConcurrentConnections: 1, queue: { size: 0 } } },
);
