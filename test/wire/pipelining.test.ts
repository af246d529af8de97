import assert from 'node:assert/strict';
import { get, head, post, response, wire } from './harness.js';

wire(
  'pipelined requests are answered in order, also when the endpoint answers the second one first',
  async (stage) => {
    const { client } = stage;
    const [a, b] = stage.origins as [(typeof stage.origins)[0], (typeof stage.origins)[0]];
    client.send(get('/1') + get('/2'));
    const first = await Promise.race([a.request('GET /1'), b.request('GET /1')]);
    first.answer(200, 'one');
    await client.response(200, 'one');
    const second = await Promise.race([
      a.until('/2', () => a.calls.find((c) => c.target === '/2')),
      b.until('/2', () => b.calls.find((c) => c.target === '/2')),
    ]);
    second.answer(200, 'two');
    await client.response(200, 'two');
  },
  { origins: 2 },
);

wire('a hundred pipelined requests get a hundred answers in order', async ({ client, origin }) => {
  origin.onCall = (call) => call.answer(200, `answer to ${call.target}`);
  client.send(Array.from({ length: 100 }, (_, i) => get(`/${i}`)).join(''));
  for (let i = 0; i < 100; i++) await client.response(200, `answer to /${i}`);
});

wire('pipelined requests with bodies do not run into each other', async ({ client, origin }) => {
  origin.onCall = (call) => void call.whole().then(() => call.answer(200, `${call.target} ${call.body.text}`));
  const chunked = head('POST /2 HTTP/1.1', 'Host: a.example', 'Transfer-Encoding: chunked') + '3\r\nGET\r\n0\r\n\r\n';
  client.send(post('/1', 'GET / HTTP/1.1') + chunked + get('/3') + post('/4', ''));
  await client.response(200, '/1 GET / HTTP/1.1');
  await client.response(200, '/2 GET');
  await client.response(200, '/3 ');
  await client.response(200, '/4 ');
});

wire('requests split at any byte are read the same', async ({ client, origin }) => {
  origin.onCall = (call) => void call.whole().then(() => call.answer(200, call.body.text));
  const bytes =
    post('/1', 'one') +
    head('POST /2 HTTP/1.1', 'Host: a.example', 'Transfer-Encoding: chunked') +
    '3\r\ntwo\r\n0\r\nX-T: 1\r\n\r\n';
  for (let cut = 1; cut < bytes.length; cut += 7) {
    await client.sendApart(bytes.slice(0, cut), bytes.slice(cut));
    await client.response(200, 'one');
    await client.response(200, 'two');
  }
});

wire(
  'an error in the second request does not eat the answer to the first, and nothing after it is read',
  async ({ client, origin }) => {
    client.send(get('/1') + 'GET /2 HTTP/1.1\r\nHost : a.example\r\n\r\n' + get('/3'));
    const call = await origin.request('GET /1');
    await client.expectSilence();
    call.answer(200, 'one');
    await client.response(200, 'one');
    const refusal = await client.response(400);
    assert.match(refusal.head.field('connection') ?? '', /close/i);
    await client.expectClosed();
    origin.expectNothing();
  },
);

wire('the answer to a pipelined request waits until the one before has left whole', async ({ client, origin }) => {
  client.send(get('/1') + get('/2'));
  const first = await origin.request('GET /1');
  first.send(head('HTTP/1.1 200 OK', 'Content-Length: 10'), '01234');
  const begun = await client.head();
  await client.bodyOf(begun, 5);
  await client.expectSilence();
  first.send('56789');
  await client.rest(begun);
  assert.equal(begun.body.text, '0123456789');
  (await origin.request('GET /2')).answer(200, 'two');
  await client.response(200, 'two');
});

wire('after a request that says close nothing more is read', async ({ client, origin }) => {
  client.send(get('/1', 'Connection: close') + get('/2'));
  (await origin.request('GET /1')).answer(200, 'one');
  await client.response(200, 'one');
  await client.expectClosed();
  origin.expectNothing();
});

wire(
  'a client that pipelines without reading is held back, and gets every answer when it reads again',
  async ({ client, origin }) => {
    const many = 3000;
    const body = 'x'.repeat(16 * 1024);
    origin.onCall = (call) => call.send(response(200, body));
    client.stopReading();
    client.send(get('/').repeat(many));
    // The kernel takes some megabytes; what the balancer itself holds is bounded, so it must stop asking the endpoint.
    let seen = -1;
    await client.until('the endpoint to be asked no more', () => undefined, 1).catch(() => undefined);
    while (seen !== origin.calls.length) {
      seen = origin.calls.length;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    assert.ok(seen < many, `the endpoint was asked ${seen} times though no answer could leave`);
    client.readAgain();
    for (let i = 0; i < many; i++) await client.response(200);
    assert.equal(origin.calls.length, many);
  },
);

wire('one empty line before a request is ignored', async ({ client, origin }) => {
  client.send('\r\n' + get('/1'));
  (await origin.request('GET /1')).answer(200);
  await client.response(200);
});
