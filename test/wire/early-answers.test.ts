import assert from 'node:assert/strict';
import { get, head, response, wire } from './harness.js';

const MUCH = 8 * 1024 * 1024;
const PIECE = Buffer.alloc(64 * 1024, 'x');

wire('an endpoint may answer before the body has come: the client reads it, though it still sends', async (stage) => {
  const { client, origin } = stage;
  client.send(head('POST / HTTP/1.1', 'Host: a.example', `Content-Length: ${MUCH}`), PIECE);
  const call = await origin.head();
  call.answer(403, 'not you');
  const sending = client.pour(PIECE, MUCH - PIECE.length);
  const answer = await client.response(403, 'not you');
  assert.match(answer.head.field('connection') ?? '', /close/i);
  await sending;
  await client.expectGone();
  await call.peer.expectGone();
});

wire(
  'an answer may begin before the body has come, and both go on until both are whole',
  async ({ client, origin }) => {
    client.send(head('POST / HTTP/1.1', 'Host: a.example', 'Transfer-Encoding: chunked'), '3\r\none\r\n');
    const call = await origin.head();
    await call.upTo(3);
    call.send(head('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked'), '3\r\nONE\r\n');
    const answer = await client.head();
    await client.bodyOf(answer, 3);
    client.send('3\r\ntwo\r\n');
    await call.upTo(6);
    call.send('3\r\nTWO\r\n');
    await client.bodyOf(answer, 6);
    client.send('0\r\n\r\n');
    await call.whole('onetwo');
    call.send('0\r\n\r\n');
    await client.rest(answer);
    assert.equal(answer.body.text, 'ONETWO');
  },
);

for (const [what, start, status] of [
  ['whose head is refused', head('POST / HTTP/1.1', 'Host: a.example', 'X-A : 1', `Content-Length: ${MUCH}`), 400],
  ['whose body is too large', head('POST / HTTP/1.1', 'Host: a.example', `Content-Length: ${MUCH}`), 413],
] as const) {
  wire(
    `a client ${what} can read why, though it goes on sending`,
    async ({ client, origin }) => {
      client.send(start);
      const sending = client.pour(PIECE, MUCH);
      await client.response(status);
      await sending;
      await client.expectGone();
      origin.expectNothing();
    },
    { options: { maxBodySize: '1MB' } },
  );
}

wire(
  'a body without a known length is refused when it has become too large, and the endpoint sees it cut',
  async ({ client, origin }) => {
    client.send(head('POST / HTTP/1.1', 'Host: a.example', 'Transfer-Encoding: chunked'), '600\r\n', 'x'.repeat(0x600));
    const call = await origin.head();
    await call.upTo(0x600);
    client.send('\r\n600\r\n', 'x'.repeat(0x600), '\r\n');
    await client.response(413);
    await call.expectCut();
    await client.expectClosed();
  },
  { options: { maxBodySize: '2KB' } },
);

wire("an answer that comes before the request was sent is nobody's", async ({ client, origin }) => {
  client.send(get('/1'));
  const first = await origin.request('GET /1');
  first.send(response(200, 'one') + response(200, 'not asked for'));
  await client.response(200, 'one');
  client.send(get('/2'));
  const second = await origin.request('GET /2');
  assert.notEqual(second.peer, first.peer);
  second.answer(200, 'two');
  await client.response(200, 'two');
});
