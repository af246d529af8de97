import assert from 'node:assert/strict';
import { get, head, pause, wire } from './harness.js';

const expecting = (path: string, length: number): string =>
  head(`POST ${path} HTTP/1.1`, 'Host: a.example', 'Expect: 100-continue', `Content-Length: ${length}`);

wire(
  'Expect: 100-continue passes through: the endpoint hears it, its 100 reaches the client, then the body flows',
  async ({ client, origin }) => {
    client.send(expecting('/', 5));
    const call = await origin.head();
    assert.equal(call.field('expect')?.toLowerCase(), '100-continue');
    await client.expectSilence();
    call.send(head('HTTP/1.1 100 Continue'));
    await client.interim(100);
    client.send('hello');
    await call.whole('hello');
    call.answer(200, 'thanks');
    await client.response(200, 'thanks');
  },
);

wire('a client that does not wait for the 100 is served just as well', async ({ client, origin }) => {
  client.send(expecting('/', 5), 'hello');
  const call = await origin.request();
  assert.equal(call.body.text, 'hello');
  call.send(head('HTTP/1.1 100 Continue')).answer(200, 'thanks');
  await client.response(200, 'thanks');
});

wire('an endpoint may refuse the body instead of asking for it', async ({ client, origin }) => {
  client.send(expecting('/1', 5));
  const call = await origin.head();
  call.answer(417, 'no');
  const refusal = await client.response(417, 'no');
  // The body was never sent: either the connection ends, or the client may go on with it as the length said.
  if (/close/i.test(refusal.head.field('connection') ?? '')) await client.expectClosed();
  client.close();
});

wire('an HTTP/1.0 client that says Expect is not told 100', async ({ client, origin }) => {
  client.send(head('POST / HTTP/1.0', 'Host: a.example', 'Expect: 100-continue', 'Content-Length: 5'), 'hello');
  const call = await origin.request();
  call.send(head('HTTP/1.1 100 Continue')).answer(200, 'ok');
  assert.deepEqual((await client.response(200, 'ok')).interim, []);
});

wire('103 Early Hints pass as they are, before the answer is there', async ({ client, origin }) => {
  client.send(get('/'));
  const call = await origin.request();
  call.send(head('HTTP/1.1 103 Early Hints', 'Link: </a.css>; rel=preload', 'Link: </b.js>; rel=preload'));
  assert.deepEqual((await client.interim(103)).all('link'), ['</a.css>; rel=preload', '</b.js>; rel=preload']);
  call.send(head('HTTP/1.1 103 Early Hints', 'Link: </c.js>; rel=preload'));
  await client.interim(103);
  call.answer(200, 'page');
  assert.deepEqual((await client.response(200, 'page')).interim, []);
});

wire('interim and final response in one segment come apart', async ({ client, origin }) => {
  client.send(get('/'));
  (await origin.request()).send(
    head('HTTP/1.1 102 Processing') +
      head('HTTP/1.1 103 Early Hints', 'Link: </a>') +
      head('HTTP/1.1 200 OK', 'Content-Length: 2') +
      'ok',
  );
  const response = await client.response(200, 'ok');
  assert.ok(response.interim.some((one) => one.startLine.includes(' 103 ')));
});

wire('a 101 that nobody asked for is a bad gateway', async ({ client, origin }) => {
  client.send(get('/'));
  (await origin.request()).send(
    head('HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: websocket'),
    'stray',
  );
  await client.response(502);
});

wire(
  'an endpoint that sends interim responses without end is given up',
  async ({ client, origin }) => {
    client.send(get('/'));
    const call = await origin.request();
    const flood = setInterval(() => call.send(head('HTTP/1.1 103 Early Hints', 'Link: </a>')), 5);
    try {
      assert.equal((await client.response()).status, 504);
    } finally {
      clearInterval(flood);
    }
  },
  { options: { responseTimeout: '300ms' } },
);

wire(
  'a client that was told to continue may take longer for its body than an endpoint for its answer',
  async ({ client, origin }) => {
    client.send(head('POST / HTTP/1.1', 'Host: a.example', 'Expect: 100-continue', 'Content-Length: 8'));
    const call = await origin.head();
    call.send('HTTP/1.1 100 Continue\r\n\r\n');
    await client.expect('HTTP/1.1 100 Continue\r\n\r\n');
    for (const piece of ['ab', 'cd', 'ef', 'gh']) {
      await pause(150);
      client.send(piece);
    }
    await call.whole('abcdefgh');
    call.answer(200);
    await client.response(200);
  },
  { options: { responseTimeout: 300 } },
);
