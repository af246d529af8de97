import assert from 'node:assert/strict';
import { get, head, post, wire } from './harness.js';

wire('a GET is passed on and its answer comes back', async ({ client, origin }) => {
  client.send(get('/hello?x=1', 'X-One: 1'));
  const call = await origin.request('GET /hello?x=1');
  assert.equal(call.version, 'HTTP/1.1');
  assert.equal(call.field('host'), 'a.example');
  assert.equal(call.field('x-one'), '1');
  call.answer(200, 'hello', 'X-Two: 2');
  const response = await client.response(200, 'hello');
  assert.equal(response.head.field('x-two'), '2');
  assert.equal(response.body.framing, 5);
});

wire('repeated fields keep their number and order, both ways', async ({ client, origin }) => {
  client.send(get('/', 'X-A: 1', 'X-B: 2', 'X-A: 3', 'Cookie: a=1', 'Cookie: b=2'));
  const call = await origin.request();
  assert.deepEqual(call.head.all('x-a'), ['1', '3']);
  assert.deepEqual(call.head.all('cookie').join('; '), 'a=1; b=2');
  call.answer(200, '', 'Set-Cookie: a=1', 'Set-Cookie: b=2; Path=/');
  assert.deepEqual((await client.response(200)).head.all('set-cookie'), ['a=1', 'b=2; Path=/']);
});

wire('a field value of any allowed bytes arrives unchanged, both ways', async ({ client, origin }) => {
  const value = 'caf\xe9 \xff\x80 "quoted" \t end';
  client.send(get('/', `X-Bytes: ${value}`));
  const call = await origin.request();
  assert.equal(call.field('x-bytes'), value);
  call.answer(200, '', `X-Bytes: ${value}`);
  assert.equal((await client.response(200)).head.field('x-bytes'), value);
});

wire('a request that arrives byte by byte is read like any other', async ({ client, origin }) => {
  await client.sendApart(...post('/bytes', 'xyz'));
  const call = await origin.request('POST /bytes');
  assert.equal(call.body.text, 'xyz');
  call.answer(200, 'ok');
  await client.response(200, 'ok');
});

wire('an answer that arrives byte by byte is read like any other', async ({ client, origin }) => {
  client.send(get('/'));
  const call = await origin.request();
  await call.peer.sendApart(...head('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked'), ...'3\r\nabc\r\n0\r\n\r\n');
  await client.response(200, 'abc');
});

wire('many requests on one connection are answered one after the other', async ({ client, origin }) => {
  for (let i = 0; i < 20; i++) {
    client.send(get(`/${i}`));
    (await origin.request(`GET /${i}`)).answer(200, `answer ${i}`);
    await client.response(200, `answer ${i}`);
  }
  assert.equal(origin.peers.length, 1, 'the connection to the endpoint was used again');
});

// ---- how long a body is

wire('a body with a length arrives with the same length', async ({ client, origin }) => {
  client.send(post('/', 'hello'));
  const call = await origin.request();
  assert.equal(call.body.text, 'hello');
  assert.equal(call.field('content-length'), '5');
  assert.equal(call.field('transfer-encoding'), undefined);
  call.answer(200);
  await client.response(200, '');
});

wire('a POST with Content-Length: 0 keeps saying so', async ({ client, origin }) => {
  client.send(post('/', ''));
  const call = await origin.request();
  assert.equal(call.field('content-length'), '0');
  call.answer(200);
  await client.response(200, '');
});

wire('a chunked request is framed anew: extensions are gone, the content is the same', async ({ client, origin }) => {
  client.send(
    head('POST / HTTP/1.1', 'Host: a.example', 'Transfer-Encoding: chunked'),
    '3;name="v;a\\"l"\r\nabc\r\n',
    `${'0'.repeat(20)}5\r\ndefgh\r\n`,
    '0;last\r\n\r\n',
  );
  const call = await origin.request();
  assert.equal(call.body.text, 'abcdefgh');
  assert.equal(call.field('transfer-encoding'), 'chunked');
  assert.equal(call.field('content-length'), undefined);
  assert.ok(!call.peer.raw.includes(';name'), 'chunk extensions are not passed on');
  call.answer(200);
  await client.response(200);
});

wire('a chunked answer is framed anew: extensions are gone, the content is the same', async ({ client, origin }) => {
  client.send(get('/'));
  const call = await origin.request();
  call.send(head('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked'), 'a;x=y\r\n0123456789\r\n00\r\n\r\n');
  const response = await client.response(200, '0123456789');
  assert.equal(response.body.framing, 'chunked');
});

wire(
  'an answer that ends with the connection reaches an HTTP/1.1 client as chunks, and its connection stays open',
  async ({ client, origin }) => {
    client.send(get('/1'));
    (await origin.request()).send(head('HTTP/1.1 200 OK')).send('until the end').peer.end();
    const response = await client.response(200, 'until the end');
    assert.equal(response.body.framing, 'chunked');
    client.send(get('/2'));
    (await origin.request('GET /2')).answer(200, 'next');
    await client.response(200, 'next');
  },
);

wire('an answer of an HTTP/1.0 endpoint is told as HTTP/1.1', async ({ client, origin }) => {
  client.send(get('/1'));
  (await origin.request()).send(head('HTTP/1.0 200 OK', 'Content-Length: 2'), 'ok').peer.end();
  const response = await client.response(200, 'ok');
  assert.match(response.head.startLine, /^HTTP\/1\.1 200 /);
  client.send(get('/2'));
  (await origin.request('GET /2')).answer(200);
  await client.response(200);
});

wire('trailers of a request pass', async ({ client, origin }) => {
  client.send(
    head('POST / HTTP/1.1', 'Host: a.example', 'Trailer: X-Sum', 'Transfer-Encoding: chunked'),
    '2\r\nhi\r\n0\r\nX-Sum: 42\r\nX-Two: b\r\n\r\n',
  );
  const call = await origin.request();
  assert.deepEqual(
    call.body.trailers.map(([name, value]) => [name.toLowerCase(), value]),
    [
      ['x-sum', '42'],
      ['x-two', 'b'],
    ],
  );
  call.answer(200);
  await client.response(200);
});

wire('trailers of an answer pass', async ({ client, origin }) => {
  client.send(get('/', 'TE: trailers', 'Connection: TE'));
  (await origin.request()).send(
    head('HTTP/1.1 200 OK', 'Trailer: X-Sum', 'Transfer-Encoding: chunked'),
    '2\r\nhi\r\n0\r\nX-Sum: 42\r\n\r\n',
  );
  const response = await client.response(200, 'hi');
  assert.deepEqual(
    response.body.trailers.map(([name, value]) => [name.toLowerCase(), value]),
    [['x-sum', '42']],
  );
});

/** Framing, routing, credentials, control, and what only a head may say, or only one of ours. */
const NO_TRAILERS = [
  'Content-Length: 5', 'Transfer-Encoding: gzip', 'Trailer: X', 'Connection: close', 'Host: evil.example', 'Via: 1.0 evil',
  'X-Forwarded-For: 6.6.6.6', 'X-Request-Id: evil', 'Authorization: Basic eA==', 'Cookie: a=b', 'Set-Cookie: a=b',
  'WWW-Authenticate: Basic', 'Content-Type: text/html', 'Content-Encoding: gzip', 'Content-Range: bytes 1-2/3', 'Range: bytes=1-',
  'If-Match: "x"', 'Cache-Control: no-store', 'Location: /',
]; // prettier-ignore

wire('trailers that would change how the message is read do not pass, either way', async ({ client, origin }) => {
  const end = `2\r\nhi\r\n0\r\nX-Sum: 42\r\n${NO_TRAILERS.join('\r\n')}\r\nX-Two: b\r\n\r\n`;
  client.send(head('POST / HTTP/1.1', 'Host: a.example', 'Transfer-Encoding: chunked'), end);
  const call = await origin.request();
  const passed = [
    ['X-Sum', '42'],
    ['X-Two', 'b'],
  ];
  assert.equal(call.body.text, 'hi');
  assert.deepEqual(call.body.trailers, passed);
  call.send(head('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked'), end);
  assert.deepEqual((await client.response(200, 'hi')).body.trailers, passed);
});

// ---- answers without a body

wire('the answer to HEAD has the length of the body it stands for, and no body', async ({ client, origin }) => {
  client.send(head('HEAD /1 HTTP/1.1', 'Host: a.example'));
  (await origin.request('HEAD /1')).send(head('HTTP/1.1 200 OK', 'Content-Length: 1234'));
  assert.equal((await client.response(200, '', 'HEAD')).head.field('content-length'), '1234');
  client.send(head('HEAD /2 HTTP/1.1', 'Host: a.example'));
  (await origin.request('HEAD /2')).send(head('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked'));
  await client.response(200, '', 'HEAD');
  client.send(get('/3'));
  (await origin.request('GET /3')).answer(200, 'body');
  await client.response(200, 'body');
  assert.equal(origin.peers.length, 1);
});

for (const status of [204, 304]) {
  wire(`a ${status} has no body and the connections stay open`, async ({ client, origin }) => {
    client.send(get('/1'));
    (await origin.request()).send(head(`HTTP/1.1 ${status} None`, 'ETag: "x"'));
    assert.equal((await client.response(status, '')).head.field('etag'), '"x"');
    client.send(get('/2'));
    (await origin.request('GET /2')).answer(200, 'body');
    await client.response(200, 'body');
    assert.equal(origin.peers.length, 1);
  });
}

wire('a 304 may tell a length', async ({ client, origin }) => {
  client.send(get('/1'), get('/2'));
  (await origin.request('GET /1')).send(head('HTTP/1.1 304 Not Modified', 'Content-Length: 77'));
  assert.equal((await client.response(304, '')).head.field('content-length') ?? '77', '77');
  (await origin.request('GET /2')).answer(200, 'next');
  await client.response(200, 'next');
});

// ---- HTTP/1.0 clients

wire('an HTTP/1.0 client gets the body as it is and a close, never chunks', async ({ client, origin }) => {
  client.send(head('GET / HTTP/1.0', 'Host: a.example'));
  const call = await origin.request();
  assert.equal(call.version, 'HTTP/1.1');
  call.send(head('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked'), '3\r\nabc\r\n3\r\ndef\r\n0\r\nX-Trailer: 1\r\n\r\n');
  const response = await client.response(200, 'abcdef');
  assert.equal(response.body.framing, 'close');
  await client.expectClosed();
});

wire('an HTTP/1.0 client without a Host is served', async ({ client, origin }) => {
  client.send('GET / HTTP/1.0\r\n\r\n');
  const call = await origin.request('GET /');
  assert.equal(call.head.all('host').length, 1);
  call.answer(200, 'old');
  await client.response(200, 'old');
  await client.expectClosed();
});

wire(
  'an HTTP/1.0 client that asks for it keeps its connection when the length is known',
  async ({ client, origin }) => {
    client.send(head('GET /1 HTTP/1.0', 'Host: a.example', 'Connection: keep-alive'));
    (await origin.request('GET /1')).answer(200, 'one');
    const response = await client.response(200, 'one');
    assert.match(response.head.field('connection') ?? '', /keep-alive/i);
    client.send(head('GET /2 HTTP/1.0', 'Host: a.example'));
    (await origin.request('GET /2')).answer(200, 'two');
    await client.response(200, 'two');
    await client.expectClosed();
  },
);

wire('an HTTP/1.0 client gets no interim responses', async ({ client, origin }) => {
  client.send(head('GET / HTTP/1.0', 'Host: a.example'));
  (await origin.request()).send(head('HTTP/1.1 103 Early Hints', 'Link: </a.css>; rel=preload')).answer(200, 'ok');
  assert.deepEqual((await client.response(200, 'ok')).interim, []);
  await client.expectClosed();
});

// ---- the end of a connection

wire('a client that says close gets its answer and then the end', async ({ client, origin }) => {
  client.send(get('/', 'Connection: close'));
  (await origin.request()).answer(200, 'bye');
  const response = await client.response(200, 'bye');
  assert.match(response.head.field('connection') ?? '', /close/i);
  await client.expectClosed();
});

wire('a client that half-closes after its request still gets the answer', async ({ client, origin }) => {
  client.send(get('/')).end();
  (await origin.request()).answer(200, 'still here');
  await client.response(200, 'still here');
  await client.expectClosed();
});

wire(
  'an endpoint that says close is not asked again on that connection, and the client keeps its own',
  async ({ client, origin }) => {
    client.send(get('/1'));
    (await origin.request()).answer(200, 'one', 'Connection: close');
    assert.doesNotMatch((await client.response(200, 'one')).head.field('connection') ?? '', /close/i);
    client.send(get('/2'));
    (await origin.request('GET /2')).answer(200, 'two');
    await client.response(200, 'two');
    assert.equal(origin.peers.length, 2);
  },
);
