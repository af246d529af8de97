import assert from 'node:assert/strict';
import { get, head, wire } from './harness.js';

wire('Connection and what it names stay on their side of a request', async ({ client, origin }) => {
  client.send(
    get(
      '/',
      'Connection: X-Private, keep-alive',
      'X-Private: 1',
      'Keep-Alive: timeout=5',
      'Proxy-Connection: keep-alive',
      'Proxy-Authorization: Basic eA==',
      'X-Public: 1',
    ),
  );
  const call = await origin.request();
  for (const name of ['x-private', 'keep-alive', 'proxy-connection', 'proxy-authorization'])
    assert.equal(call.field(name), undefined, name);
  assert.doesNotMatch(call.field('connection') ?? '', /x-private/i);
  assert.equal(call.field('x-public'), '1');
  call.answer(200);
  await client.response(200);
});

wire('Connection cannot take away fields that the message or its security hang on', async ({ client, origin }) => {
  const named = 'Host, Content-Length, Cookie, Authorization, X-Forwarded-For, X-Forwarded-Proto, Forwarded';
  client.send(
    head(
      'POST / HTTP/1.1',
      'Host: a.example',
      `Connection: close, ${named}`,
      'Cookie: a=1',
      'Authorization: Bearer x',
      'Content-Length: 2',
    ),
    'hi',
  );
  const call = await origin.request();
  assert.equal(call.field('host'), 'a.example');
  assert.equal(call.field('cookie'), 'a=1');
  assert.equal(call.field('authorization'), 'Bearer x');
  assert.equal(call.body.text, 'hi');
  assert.equal(call.field('x-forwarded-for'), '127.0.0.1');
  assert.equal(call.field('x-forwarded-proto'), 'http');
  call.answer(200);
  await client.response(200);
});

wire('TE: trailers passes, every other coding in it does not', async ({ client, origin }) => {
  client.send(get('/', 'Connection: TE', 'TE: gzip;q=0.5, trailers, deflate'));
  const call = await origin.request();
  assert.equal(call.field('te') ?? 'trailers', 'trailers');
  if (call.field('te') !== undefined) assert.match(call.field('connection') ?? '', /\bte\b/i);
  call.answer(200);
  await client.response(200);
});

for (const protocol of ['h2c', 'TLS/1.0', 'foo/2', 'websocket, h2c']) {
  wire(`an upgrade to ${protocol} does not pass: the request goes on without it`, async ({ client, origin }) => {
    client.send(
      get('/', 'Connection: Upgrade, HTTP2-Settings', `Upgrade: ${protocol}`, 'HTTP2-Settings: AAMAAABkAAQAAP__'),
    );
    const call = await origin.request();
    assert.equal(call.field('upgrade'), undefined);
    assert.equal(call.field('http2-settings'), undefined);
    assert.doesNotMatch(call.field('connection') ?? '', /upgrade/i);
    call.answer(200, 'plain');
    await client.response(200, 'plain');
  });
}

wire('Connection and what it names stay on their side of an answer', async ({ client, origin }) => {
  client.send(get('/'));
  (await origin.request()).answer(
    200,
    'ok',
    'Connection: X-Private',
    'X-Private: 1',
    'Keep-Alive: timeout=5',
    'Proxy-Authenticate: Basic',
    'Proxy-Connection: close',
    'X-Public: 1',
  );
  const { head: answer } = await client.response(200, 'ok');
  for (const name of ['x-private', 'proxy-connection']) assert.equal(answer.field(name), undefined, name);
  assert.notEqual(answer.field('keep-alive'), 'timeout=5');
  assert.doesNotMatch(answer.field('connection') ?? '', /x-private|close/i);
  assert.equal(answer.field('x-public'), '1');
});

wire('an Upgrade that an endpoint offers by itself does not reach the client', async ({ client, origin }) => {
  client.send(get('/'));
  (await origin.request()).answer(200, 'ok', 'Connection: Upgrade', 'Upgrade: h2c');
  const { head: answer } = await client.response(200, 'ok');
  assert.equal(answer.field('upgrade'), undefined);
  assert.doesNotMatch(answer.field('connection') ?? '', /upgrade/i);
});

wire('Connection of an answer cannot take away what its reading or safety hangs on', async ({ client, origin }) => {
  const kept = {
    'Set-Cookie': 'a=1; HttpOnly',
    'Content-Type': 'text/plain',
    'Content-Encoding': 'identity',
    'Cache-Control': 'no-store',
    Date: 'Thu, 26 Nov 2026 01:00:00 GMT',
  };
  client.send(get('/'));
  (await origin.request()).answer(
    200,
    'ok',
    `Connection: ${Object.keys(kept).join(', ')}, Content-Length`,
    ...Object.entries(kept).map(([name, value]) => `${name}: ${value}`),
  );
  const { head: answer } = await client.response(200, 'ok');
  for (const [name, value] of Object.entries(kept)) assert.equal(answer.field(name), value, name);
});
