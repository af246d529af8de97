import assert from 'node:assert/strict';
import { get, head, pause, wire } from './harness.js';

/** A client that leaves is noticed, and its request at the endpoint given up, within this many ms. */
const NOTICED = 1000;

for (const how of ['close', 'reset'] as const) {
  for (const [when, bytes] of [
    ['before the answer', ''],
    ['in the midst of the answer', head('HTTP/1.1 200 OK', 'Content-Length: 100') + 'some'],
  ] as const) {
    wire(`a client that leaves ${when} by ${how} takes its request with it within a second`, async (stage) => {
      const { client, origin, balancer } = stage;
      client.send(get('/'));
      const call = await origin.request();
      call.send(bytes);
      if (bytes !== '') await client.bodyOf(await client.head(), 4);
      client[how]();
      await call.peer.expectGone(NOTICED + 500);
      await stage.until('nothing to be in flight', () => balancer.status().inFlight === 0, NOTICED);
      call.peer.close();
    });
  }
}

wire(
  'a client that leaves while it waits for a place never reaches an endpoint',
  async (stage) => {
    const { client, origin, balancer } = stage;
    client.send(get('/1'));
    const first = await origin.request('GET /1');
    const second = stage.connect();
    second.send(get('/2'));
    await stage.until('the second to wait', () => balancer.status().queued === 1);
    second.reset();
    await stage.until('it to be gone', () => balancer.status().queued === 0, NOTICED);
    first.answer(200);
    await client.response(200);
    await pause(60);
    origin.expectNothing();
  },
  { options: { maxConcurrentConnections: 1 } },
);

wire('a client that leaves after a pipelined request takes all of them with it', async ({ client, origin }) => {
  client.send(get('/1'), get('/2'), get('/3'));
  const call = await origin.request('GET /1');
  client.reset();
  await call.peer.expectGone(NOTICED + 500);
  await pause(60);
  origin.expectNothing();
});

wire('a client whose answer still moves may close its side and read on', async ({ client, origin }) => {
  client.send(get('/')).end();
  const call = await origin.request();
  call.send(head('HTTP/1.1 200 OK', 'Content-Length: 12'));
  const answer = await client.head();
  for (let i = 0; i < 6; i++) {
    call.send('xy');
    await client.bodyOf(answer, 2 * (i + 1));
    await pause(200);
  }
  await client.rest(answer);
  await client.expectClosed();
});

wire('after a 413, 400 or 408 the connection is closed; after a 404 or 502 it is not', async ({ client, origin }) => {
  client.send(get('/404'));
  (await origin.request()).answer(404, 'none');
  await client.response(404, 'none');
  client.send(get('/502'));
  (await origin.request()).send('junk\r\n\r\n');
  const refusal = await client.response(502);
  assert.doesNotMatch(refusal.head.field('connection') ?? '', /close/i);
  client.send(get('/after'));
  (await origin.request('GET /after')).answer(200);
  await client.response(200);
  client.send('junk\r\n\r\n');
  assert.match((await client.response(400)).head.field('connection') ?? '', /close/i);
  await client.expectClosed();
});

wire('Connection: close counts in any case, in any place of the list and in any of its lines', async (stage) => {
  for (const fields of [['Connection: CLOSE'], ['Connection: x-a, Close ,y'], ['Connection: x', 'Connection: close']]) {
    const client = stage.connect();
    client.send(get('/', ...fields));
    (await stage.origin.request()).answer(200, 'bye');
    const answer = await client.response(200, 'bye');
    assert.match(answer.head.field('connection') ?? '', /close/i);
    await client.expectClosed();
    client.end();
  }
});
