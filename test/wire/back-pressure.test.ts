import assert from 'node:assert/strict';
import { before } from 'node:test';
import { get, handshake, head, kernelBuffer, response, switching, wire } from './harness.js';

const PIECE = Buffer.alloc(16 * 1024, 'x');
const MUCH = 2 * 1024 * 1024;
/** What one direction of a connection may hold: 64 KiB, and what the one read before it knew that nobody takes them has brought. */
const HELD = 128 * 1024;

let kernel = 0;
before(async () => (kernel = await kernelBuffer(PIECE)));

/** `taken` from the sender, of which `read` went to the reader: the kernel holds as much on both sides of the balancer, it the rest. */
function assertHeld(taken: number, read: number, most = HELD): void {
  const held = taken - read - 2 * kernel;
  assert.ok(held <= most, `${held} bytes are held by the balancer (${taken} taken, ${read} read)`);
}

for (const framing of [`Content-Length: ${MUCH}`, 'Transfer-Encoding: chunked', 'X-Until: the close']) {
  wire(
    `an answer waits at its endpoint while the client does not read, and then comes whole (${framing})`,
    async ({ client, origin }) => {
      client.send(get('/'));
      const { peer } = await origin.request();
      client.stopReading();
      const chunked = framing.startsWith('T');
      peer.send(head('HTTP/1.1 200 OK', framing), chunked ? `${MUCH.toString(16)}\r\n` : '');
      assertHeld(await peer.pour(PIECE, MUCH), client.socket.bytesRead);
      client.readAgain();
      await peer.pour(PIECE, MUCH);
      if (chunked) peer.send('\r\n0\r\n\r\n');
      else if (framing.startsWith('X')) peer.end();
      const answer = await client.response(200);
      assert.equal(answer.body.size, MUCH);
    },
    { unix: true },
  );
}

for (const framing of [`Content-Length: ${MUCH}`, 'Transfer-Encoding: chunked']) {
  wire(
    `an upload waits at its client while the endpoint does not read, and then comes whole (${framing})`,
    async ({ client, origin }) => {
      origin.onCall = ({ peer }) => peer.stopReading();
      const chunked = framing.startsWith('T');
      client.send(head('POST / HTTP/1.1', 'Host: a.example', framing), chunked ? `${MUCH.toString(16)}\r\n` : '');
      const taken = await client.pour(PIECE, MUCH);
      const call = await origin.head();
      assertHeld(taken, call.peer.socket.bytesRead);
      call.peer.readAgain();
      await client.pour(PIECE, MUCH);
      if (chunked) client.send('\r\n0\r\n\r\n');
      await call.whole();
      assert.equal(call.body.size, MUCH);
      call.answer(200, 'thanks');
      await client.response(200, 'thanks');
    },
    { unix: true },
  );
}

wire(
  'a tunnel holds back both sides at once',
  async ({ client, origin }) => {
    client.send(handshake('/ws'));
    const { peer } = await origin.request();
    peer.send(switching);
    await client.head();
    client.stopReading();
    peer.stopReading();
    const [up, down] = await Promise.all([client.pour(PIECE, MUCH), peer.pour(PIECE, MUCH)]);
    assertHeld(up + down - 2 * kernel, client.socket.bytesRead + peer.socket.bytesRead, 2 * HELD);
    client.readAgain();
    peer.readAgain();
    await Promise.all([client.pour(PIECE, MUCH), peer.pour(PIECE, MUCH)]);
    await peer.until('all', () => peer.input.length >= MUCH || undefined);
    await client.until('all', () => client.input.length >= MUCH || undefined);
    client.close();
    peer.close();
  },
  { unix: true },
);

wire(
  'requests that wait for the answer to the one before them are not read without end',
  async ({ client, origin }) => {
    const requests = Buffer.from(get('/more', `X-Long: ${'x'.repeat(8000)}`).repeat(2), 'latin1');
    client.send(get('/first'));
    const call = await origin.request();
    const taken = await client.pour(requests, MUCH);
    assertHeld(taken + kernel, 0);
    origin.onCall = (next) => next.send(response(200, 'more'));
    call.answer(200, 'first');
    await client.response(200, 'first');
    for (let i = 0; i < 10; i++) await client.response(200, 'more');
    client.close();
  },
  { unix: true },
);

wire(
  'interim responses without end do not pile up for a client that does not read',
  async ({ client, origin }) => {
    const hints = head('HTTP/1.1 103 Early Hints', `Link: <${'x'.repeat(990)}>`);
    client.send(get('/'));
    const call = await origin.request();
    client.stopReading();
    await call.peer.pour(Buffer.from(hints.repeat(16)), MUCH);
    call.answer(200, 'at last');
    client.readAgain();
    const { interim } = await client.response(200, 'at last');
    assertHeld(interim.length * hints.length + kernel, client.socket.bytesRead - client.received);
  },
  { unix: true },
);
