import assert from 'node:assert/strict';
import { get, head, wire } from './harness.js';

wire('an absolute target is accepted, and its authority wins over Host', async ({ client, origin }) => {
  client.send(head('GET http://real.example:8080/path?q HTTP/1.1', 'Host: stale.example'));
  const call = await origin.request();
  assert.equal(call.target, '/path?q');
  assert.equal(call.field('host'), 'real.example:8080');
  call.answer(200);
  await client.response(200);
});

wire(
  'an own route sees the authority of an absolute target as Host, too',
  async ({ client }) => {
    client.send(head('GET http://real.example/own HTTP/1.1', 'Host: evil.example'));
    await client.response(200, 'real.example http://real.example/own');
  },
  { setup: (balancer) => balancer.get('/own', (c) => c.text(`${c.req.header('host')} ${c.req.url}`)) },
);

wire('with an absolute target Host may be empty', async ({ client, origin }) => {
  client.send(head('GET http://real.example/ HTTP/1.1', 'Host:'));
  const call = await origin.request('GET /');
  assert.equal(call.field('host'), 'real.example');
  call.answer(200);
  await client.response(200);
});

wire('an absolute target without a path is the root', async ({ client, origin }) => {
  client.send(
    head('GET http://real.example HTTP/1.1', 'Host: real.example'),
    head('GET http://real.example?q=1 HTTP/1.1', 'Host: real.example'),
  );
  (await origin.request('GET /')).answer(200);
  await client.response(200);
  (await origin.request('GET /?q=1')).answer(200);
  await client.response(200);
});

wire('an absolute target with user information is refused', async ({ client, origin }) => {
  client.send(head('GET http://user:pw@real.example/ HTTP/1.1', 'Host: real.example'));
  await client.response(400);
  await client.expectClosed();
  origin.expectNothing();
});

wire('OPTIONS * passes', async ({ client, origin }) => {
  client.send(
    head('OPTIONS * HTTP/1.1', 'Host: a.example'),
    head('OPTIONS http://b.example HTTP/1.1', 'Host: b.example'),
  );
  (await origin.request('OPTIONS *')).answer(200, 'one');
  await client.response(200, 'one');
  const absolute = await origin.request('OPTIONS *');
  assert.equal(absolute.field('host'), 'b.example');
  absolute.answer(200, 'two');
  await client.response(200, 'two');
});

wire('CONNECT is refused', async ({ client, origin }) => {
  client.send(head('CONNECT other.example:443 HTTP/1.1', 'Host: other.example:443'), 'bytes for the tunnel');
  await client.response(405);
  await client.expectClosed();
  origin.expectNothing();
});

wire('TRACE is refused by default', async ({ client, origin }) => {
  client.send(head('TRACE / HTTP/1.1', 'Host: a.example'));
  await client.response(405);
  origin.expectNothing();
});

wire(
  'TRACE passes with allowTrace',
  async ({ client, origin }) => {
    client.send(head('TRACE / HTTP/1.1', 'Host: a.example'));
    (await origin.request('TRACE /')).answer(200);
    await client.response(200);
  },
  { options: { allowTrace: true } },
);

wire('any other method passes as it is', async ({ client, origin }) => {
  for (const method of ['PUT', 'DELETE', 'PATCH', 'PROPFIND', 'get', 'M-SEARCH']) {
    client.send(head(`${method} /x HTTP/1.1`, 'Host: a.example'));
    const call = await origin.request(`${method} /x`);
    call.answer(200);
    await client.response(200);
  }
});

wire('the target reaches the endpoint byte for byte', async ({ client, origin }) => {
  for (const target of [
    '/a//b/../c/./d',
    '/%7Euser/%2e%2e/%00?x=%20&&=',
    "/a;b=c:d@e!$&'()*+,=",
    '/?',
    '//host/path',
    '/?a[]=1',
    // As browsers send them.
    '/css|js^2?family=A|B&q={x}`^\\',
  ]) {
    client.send(get(target));
    (await origin.request(`GET ${target}`)).answer(200);
    await client.response(200);
  }
});

for (const [what, bytes, status] of [
  ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400],
  ['a backslash in the path', head('GET /a\\..\\b HTTP/1.1', 'Host: a.example'), 400],
  ['braces in the path', head('GET /{id} HTTP/1.1', 'Host: a.example'), 400],
  ['a quotation mark in the query', head('GET /?a"b HTTP/1.1', 'Host: a.example'), 400],
  ['angle brackets in the query', head('GET /?<b> HTTP/1.1', 'Host: a.example'), 400],
  ['two Hosts', head('GET / HTTP/1.1', 'Host: a.example', 'Host: a.example'), 400],
  ['a Host with a path', head('GET / HTTP/1.1', 'Host: a.example/x'), 400],
  ['white space before the colon', head('GET / HTTP/1.1', 'Host: a.example', 'X-A : 1'), 400],
  ['a folded line', head('GET / HTTP/1.1', 'Host: a.example', 'X-A: 1', ' 2'), 400],
  ['a bare LF', 'GET / HTTP/1.1\nHost: a.example\n\n', 400],
  ['a NUL in a value', head('GET / HTTP/1.1', 'Host: a.example', 'X-A: \0'), 400],
  [
    'Content-Length beside Transfer-Encoding',
    head('POST / HTTP/1.1', 'Host: a.example', 'Content-Length: 3', 'Transfer-Encoding: chunked') + '0\r\n\r\n',
    400,
  ],
  ['two lengths', head('POST / HTTP/1.1', 'Host: a.example', 'Content-Length: 3', 'Content-Length: 3') + 'abc', 400],
  ['a signed length', head('POST / HTTP/1.1', 'Host: a.example', 'Content-Length: +3') + 'abc', 400],
  [
    'an unknown transfer coding',
    head('POST / HTTP/1.1', 'Host: a.example', 'Transfer-Encoding: gzip, chunked') + '0\r\n\r\n',
    501,
  ],
  ['an empty Host', head('GET / HTTP/1.1', 'Host:'), 400],
  ['a method longer than all that are known', head(`${'M'.repeat(33)} / HTTP/1.1`, 'Host: a.example'), 501],
  ['HTTP/2.0 in the request line', head('GET / HTTP/2.0', 'Host: a.example'), 505],
] as const) {
  wire(`a request with ${what} is refused with ${status} and the connection closed`, async ({ client, origin }) => {
    client.send(bytes, get('/next'));
    assert.equal((await client.response()).status, status);
    await client.expectClosed();
    origin.expectNothing();
  });
}

wire('a browser is told in HTML why its request is refused', async (stage) => {
  for (const start of ['GET /{id} HTTP/1.1', 'GET https://a.example/ HTTP/1.1', 'CONNECT a.example:443 HTTP/1.1']) {
    const client = stage.connect().send(head(start, 'Host: a.example', 'Accept: text/html'));
    assert.match((await client.response()).body.text, /^<!doctype html>/);
    await client.expectClosed();
  }
});

for (const [what, chunks] of [
  ['a sign', '+3\r\nabc\r\n0\r\n\r\n'],
  ['a 0x', '0x3\r\nabc\r\n0\r\n\r\n'],
  ['no CRLF after its data', '3\r\nabcd\r\n0\r\n\r\n'],
  ['a bare LF', '3\nabc\n0\n\n'],
  ['a size beyond 2^53', '20000000000000\r\nabc\r\n0\r\n\r\n'],
  ['an extension of 20 000 bytes', `3;${'x'.repeat(20_000)}\r\nabc\r\n0\r\n\r\n`],
] as const) {
  wire(
    `a chunk with ${what} ends the connection, and the endpoint never sees a complete request`,
    async ({ client, origin }) => {
      client.send(head('POST / HTTP/1.1', 'Host: a.example', 'Transfer-Encoding: chunked'), chunks);
      assert.equal((await client.response()).status, 400);
      await client.expectClosed();
      for (const call of origin.calls) await call.expectCut();
    },
  );
}

wire(
  'a body that is wrong from its first octet does not even bring its head to the endpoint',
  async ({ client, origin }) => {
    client.send(get('/first'));
    (await origin.request('GET /first')).answer(200);
    await client.response(200);
    client.send(
      `${head('POST /second HTTP/1.1', 'Host: a.example', 'Transfer-Encoding: chunked')}+3\r\nabc\r\n0\r\n\r\n`,
    );
    await client.response(400);
    await client.expectClosed();
    assert.ok(!origin.peers[0]!.raw.includes('/second'));
  },
);
