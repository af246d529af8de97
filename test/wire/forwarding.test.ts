import assert from 'node:assert/strict';
import { get, head, wire } from './harness.js';

const FORGED = [
  'X-Forwarded-For: 6.6.6.6',
  'X-Forwarded-Proto: https',
  'X-Forwarded-Host: evil.example',
  'X-Forwarded-Port: 666',
  'X-Forwarded-Server: evil',
  'X-Real-IP: 6.6.6.6',
  'Forwarded: for=6.6.6.6;proto=https',
];

wire('the endpoint hears who asked, by what scheme, for which host and port', async (stage) => {
  const { client, origin } = stage;
  client.send(get('/', 'Host2: x'));
  const call = await origin.request();
  assert.equal(call.field('x-forwarded-for'), '127.0.0.1');
  assert.equal(call.field('x-forwarded-proto'), 'http');
  assert.equal(call.field('x-forwarded-host'), 'a.example');
  assert.match(call.field('x-forwarded-port') ?? '', new RegExp(`^(80|${stage.port})$`));
  assert.equal(call.field('forwarded'), undefined);
  call.answer(200);
  await client.response(200);
});

wire('what a client claims about itself is removed and written anew', async ({ client, origin }) => {
  client.send(get('/', ...FORGED));
  const call = await origin.request();
  assert.equal(call.field('x-forwarded-for'), '127.0.0.1');
  assert.equal(call.field('x-forwarded-proto'), 'http');
  assert.equal(call.field('x-forwarded-host'), 'a.example');
  for (const name of ['x-forwarded-server', 'forwarded']) assert.equal(call.field(name), undefined, name);
  assert.equal(call.field('x-real-ip') ?? '127.0.0.1', '127.0.0.1');
  assert.ok(!call.peer.raw.includes('6.6.6.6') && !call.peer.raw.includes('evil'));
  call.answer(200);
  await client.response(200);
});

wire(
  'a trusted proxy in front is believed, from the right, up to the first address that is not trusted',
  async ({ client, origin }) => {
    client.send(
      get(
        '/',
        'X-Forwarded-For: 6.6.6.6, 203.0.113.9, 10.0.0.5',
        'X-Forwarded-Proto: https',
        'X-Forwarded-Host: public.example',
        'X-Request-Id: from-the-edge',
      ),
    );
    const call = await origin.request();
    const chain = (call.field('x-forwarded-for') ?? '').split(/, ?/);
    assert.equal(chain.at(-1), '127.0.0.1', 'the balancer adds who spoke to it');
    assert.ok(chain.includes('203.0.113.9'));
    assert.ok(!chain.includes('6.6.6.6'), 'what is left of the client was made up by it');
    assert.equal(call.field('x-forwarded-proto'), 'https');
    assert.equal(call.field('x-forwarded-host'), 'public.example');
    assert.equal(call.field('x-request-id'), 'from-the-edge');
    call.answer(200);
    await client.response(200);
  },
  { options: { trustedProxies: ['loopback', '10.0.0.0/8'] } },
);

wire(
  "without trust a request id is given anew, and the answer carries it or not, but never the client's",
  async ({ client, origin }) => {
    client.send(get('/1', 'X-Request-Id: mine'), get('/2'));
    const first = await origin.request('GET /1');
    const id = first.field('x-request-id');
    assert.ok(id !== undefined && id !== 'mine' && id.length >= 8, `id ${id}`);
    first.answer(200);
    await client.response(200);
    const second = await origin.request('GET /2');
    assert.notEqual(second.field('x-request-id'), id);
    second.answer(200);
    await client.response(200);
  },
);

wire('Via names the balancer, after those before it, both ways', async ({ client, origin }) => {
  client.send(get('/', 'Via: 1.0 edge'));
  const call = await origin.request();
  assert.match(call.head.all('via').join(', '), /^1\.0 edge, 1\.1 \S+$/);
  call.answer(200, '', 'Via: 1.1 inner');
  const via = (await client.response(200)).head.all('via').join(', ');
  assert.match(via, /^1\.1 inner(, 1\.1 \S+)?$/);
});

wire('traceparent passes as it is', async ({ client, origin }) => {
  const trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  client.send(get('/', `traceparent: ${trace}`, 'tracestate: a=1'));
  const call = await origin.request();
  assert.equal(call.field('traceparent'), trace);
  assert.equal(call.field('tracestate'), 'a=1');
  call.answer(200);
  await client.response(200);
});

wire(
  'Forwarded is sent when asked for',
  async ({ client, origin }) => {
    client.send(get('/', ...FORGED));
    const call = await origin.request();
    assert.match(call.field('forwarded') ?? '', /for="?127\.0\.0\.1/i);
    assert.match(call.field('forwarded') ?? '', /proto=http\b/i);
    assert.match(call.field('forwarded') ?? '', /host="?a\.example/i);
    call.answer(200);
    await client.response(200);
  },
  { options: { forwarded: true } },
);

wire(
  "Host is kept by default, replaced by the endpoint's own without preserveHost",
  async ({ client, origin }) => {
    client.send(head('GET / HTTP/1.1', 'Host: a.example:8080'));
    const call = await origin.request();
    assert.equal(call.field('host'), `127.0.0.1:${origin.port}`);
    assert.equal(call.field('x-forwarded-host'), 'a.example:8080');
    call.answer(200);
    await client.response(200);
  },
  { options: { preserveHost: false } },
);

wire('fields whose names CGI-like servers fold are dropped', async ({ client, origin }) => {
  client.send(get('/', 'X_Forwarded_For: 6.6.6.6', 'Content_Length: 5', 'X.Y: 1', 'X-Y: 2'));
  const call = await origin.request();
  for (const name of ['x_forwarded_for', 'content_length', 'x.y']) assert.equal(call.field(name), undefined, name);
  assert.equal(call.field('x-y'), '2');
  call.answer(200);
  await client.response(200);
});

const FOLDED_TRAILERS = [
  head('POST / HTTP/1.1', 'Host: a.example', 'Transfer-Encoding: chunked'),
  '0\r\nX_Forwarded_For: 6.6.6.6\r\nX-Y: 2\r\n\r\n',
];

wire('as trailers, too, but not those of an answer, which nobody folds', async ({ client, origin }) => {
  client.send(...FOLDED_TRAILERS);
  const call = await origin.request();
  assert.deepEqual(call.body.trailers, [['X-Y', '2']]);
  call.send(head('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked'), '0\r\ngrpc_detail: 1\r\n\r\n');
  assert.deepEqual((await client.response(200)).body.trailers, [['grpc_detail', '1']]);
});

wire(
  'allowUnderscores lets them pass',
  async ({ client, origin }) => {
    client.send(get('/', 'X_Api_Key: 1'));
    const call = await origin.request();
    assert.equal(call.field('x_api_key'), '1');
    call.answer(200);
    await client.response(200);
    client.send(...FOLDED_TRAILERS);
    const second = await origin.request('POST /');
    assert.equal(second.body.trailers.length, 2);
    second.answer(200);
    await client.response(200);
  },
  { options: { allowUnderscores: true } },
);

wire(
  'the private field for own workers is never taken from a client nor sent to a foreign endpoint',
  async ({ client, origin }) => {
    client.send(get('/', 'X-Multiserver-Client: https;6.6.6.6;1;443'));
    const call = await origin.request();
    assert.equal(call.field('x-multiserver-client'), undefined);
    call.answer(200);
    await client.response(200);
  },
);
