import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { bodyLimit } from 'hono/body-limit';
import { compress } from 'hono/compress';
import { cors } from 'hono/cors';
import { etag } from 'hono/etag';
import { secureHeaders } from 'hono/secure-headers';
import { streamSSE } from 'hono/streaming';
import { forceHttps, getConnInfo, serviceUnavailable } from 'node-multiserver';
import { get, handshake, head, pause, post, switching, wire } from './harness.js';

wire(
  'an own route answers, and everything else reaches the endpoint, on one connection',
  async ({ client, origin }) => {
    client.send(get('/hello'), get('/other'), get('/hello'));
    const own = await client.response(200, 'answered by the balancer itself');
    assert.equal(own.head.field('content-length'), '31');
    assert.ok(own.head.field('date'));
    (await origin.request('GET /other')).answer(200, 'endpoint');
    await client.response(200, 'endpoint');
    await client.response(200, 'answered by the balancer itself');
    origin.expectNothing();
  },
  { setup: (balancer) => balancer.get('/hello', (c) => c.text('answered by the balancer itself')) },
);

wire(
  'an own route reads its body and knows its client',
  async ({ client }) => {
    client.send(post('/sum?a=1', 'x'.repeat(100_000)));
    const { remotePort, size, url } = JSON.parse((await client.response(200)).body.text) as Record<string, unknown>;
    assert.deepEqual([remotePort, size, url], [client.socket.localPort, 100_000, 'http://a.example/sum?a=1']);
    client.send(get('/next'));
    await client.response(404);
  },
  {
    setup: (balancer) => {
      balancer.post('/sum', async (c) => {
        const { remote } = getConnInfo(c);
        return c.json({ remotePort: remote.port, size: (await c.req.arrayBuffer()).byteLength, url: c.req.url });
      });
      balancer.get('/next', (c) => c.notFound());
    },
  },
);

wire(
  'a body that the own route does not want is not taken, and the connection ends',
  async ({ client }) => {
    client.send(head('POST /refuse HTTP/1.1', 'Host: a.example', 'Content-Length: 10000000'), 'x'.repeat(1000));
    const response = await client.response(401, 'no');
    assert.equal(response.head.field('connection'), 'close');
    await client.expectClosed();
  },
  { setup: (balancer) => balancer.post('/refuse', (c) => c.text('no', 401)) },
);

wire(
  'a client that waits for 100 is told to go on by an own route that reads the body',
  async ({ client }) => {
    client.send(head('POST /read HTTP/1.1', 'Host: a.example', 'Expect: 100-continue', 'Content-Length: 5'));
    await client.interim(100);
    client.send('hello');
    await client.response(200, 'hello');
  },
  { setup: (balancer) => balancer.post('/read', async (c) => c.text(await c.req.text())) },
);

let sseEnded = 0;
wire(
  'an event stream of an own route flows and ends when the client leaves',
  async (stage) => {
    const { client } = stage;
    sseEnded = 0;
    client.send(get('/events'));
    const response = await client.head();
    assert.equal(response.head.field('content-type'), 'text/event-stream');
    await client.bodyOf(response, 100);
    assert.ok(response.body.text.startsWith('data: 0\n\ndata: 1\n\n'));
    client.reset();
    await stage.until('the handler to end', () => sseEnded === 1);
  },
  {
    setup: (balancer) =>
      balancer.get('/events', (c) =>
        streamSSE(c, async (stream) => {
          for (let i = 0; !stream.aborted && i < 10_000; i++) {
            await stream.writeSSE({ data: `${i}` });
            await stream.sleep(1);
          }
          sseEnded++;
        }),
      ),
  },
);

let pulled = 0;
wire(
  'a stream of an own route waits for a client that does not read',
  async (stage) => {
    const { client } = stage;
    pulled = 0;
    client.send(get('/endless'));
    await client.head();
    client.stopReading();
    let last = -1;
    await stage.until('the stream to stand still', () => {
      const still = pulled === last;
      last = pulled;
      return still && pulled > 0;
    });
    await pause(50);
    assert.ok(pulled < 1000, `${pulled} × 64 KiB were read into memory`);
    client.reset();
  },
  {
    setup: (balancer) =>
      balancer.get(
        '/endless',
        () => new Response(new ReadableStream({ pull: (c) => (pulled++, c.enqueue(new Uint8Array(65_536))) })),
      ),
  },
);

/** What somebody may throw although it is no Error. */
class Odd {
  readonly odd = true;
}

wire(
  'an own route that throws is answered with 500, and the connection goes on',
  async ({ client }) => {
    client.send(get('/throws'), get('/odd'), get('/fine'));
    await client.response(500, 'handled: oops');
    assert.equal(JSON.parse((await client.response(500)).body.text).code, 'MS_INTERNAL');
    await client.response(200, 'fine');
  },
  {
    setup: (balancer) => {
      balancer.get('/throws', () => {
        throw new Error('oops');
      });
      balancer.get('/odd', () => Promise.reject(new Odd()));
      balancer.get('/fine', (c) => c.text('fine'));
      balancer.onError((error, c) => c.text(`handled: ${error.message}`, 500));
    },
  },
);

wire(
  'cors() and secureHeaders() work on proxied answers, which keep their length, cookies and trailers',
  async ({ client, origin }) => {
    client.send(get('/page', 'Origin: https://b.example'));
    (await origin.request('GET /page')).answer(200, 'page', 'Set-Cookie: a=1', 'Set-Cookie: b=2');
    const page = await client.response(200, 'page');
    assert.equal(page.head.field('content-length'), '4');
    assert.equal(page.head.field('access-control-allow-origin'), '*');
    assert.equal(page.head.field('x-frame-options'), 'SAMEORIGIN');
    assert.deepEqual(page.head.all('set-cookie'), ['a=1', 'b=2']);

    client.send(get('/chunks', 'TE: trailers', 'Connection: TE'));
    const call = await origin.request('GET /chunks');
    call.send(head('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked'), '3\r\nabc\r\n');
    const chunks = await client.head();
    await client.bodyOf(chunks, 3);
    call.send('0\r\nX-Sum: 1\r\n\r\n');
    await client.rest(chunks);
    assert.equal(chunks.body.text, 'abc');
    assert.deepEqual(chunks.body.trailers, [['X-Sum', '1']]);

    client.send(
      head(
        'OPTIONS /page HTTP/1.1',
        'Host: a.example',
        'Origin: https://b.example',
        'Access-Control-Request-Method: PUT',
      ),
    );
    assert.match((await client.response(204)).head.field('access-control-allow-methods')!, /PUT/);
    origin.expectNothing();
  },
  { setup: (balancer) => balancer.use(cors(), secureHeaders()) },
);

wire(
  'etag() and compress() work on proxied answers',
  async ({ client, origin }) => {
    const text = 'compressible '.repeat(500);
    origin.onCall = (call) => call.answer(200, text, 'Content-Type: text/plain');
    client.send(get('/zip/a', 'Accept-Encoding: gzip'));
    const zipped = await client.response(200);
    assert.equal(zipped.head.field('content-encoding'), 'gzip');
    assert.equal(gunzipSync(Buffer.from(zipped.body.text, 'latin1')).toString(), text);
    client.send(get('/tag/a'));
    const tagged = await client.response(200, text);
    assert.equal(tagged.head.field('content-length'), String(text.length));
    client.send(get('/tag/a', `If-None-Match: ${tagged.head.field('etag')}`));
    await client.response(304, '');
    client.send(get('/plain'));
    await client.response(200, text);
    assert.equal(origin.peers.length, 1, 'the connection to the endpoint is used again');
  },
  {
    setup: (balancer) => {
      balancer.use('/zip/*', compress());
      balancer.use('/tag/*', etag());
    },
  },
);

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

wire(
  'an upload behind middleware arrives as it was sent, whoever has read it before',
  async ({ client, origin }) => {
    const body = 'large '.repeat(50_000);
    for (const path of ['/same', '/read', '/limit']) {
      client.send(head(`POST ${path} HTTP/1.1`, 'Host: a.example', 'Transfer-Encoding: chunked'));
      for (let i = 0; i < body.length; i += 30_000)
        client.send(`${(30_000).toString(16)}\r\n${body.slice(i, i + 30_000)}\r\n`);
      client.send('0\r\n\r\n');
      const call = await origin.request(`POST ${path}`);
      assert.equal(digest(call.body.text), digest(body), path);
      call.answer(200, path);
      await client.response(200, path);
    }
    client.send(post('/limit', body + body));
    await client.response(413);
  },
  {
    setup: (balancer) => {
      balancer.use('/same', (_, next) => next());
      balancer.use('/read', async (c, next) => {
        await c.req.text();
        await next();
      });
      balancer.use('/limit', bodyLimit({ maxSize: 400_000 }));
    },
  },
);

wire(
  'Expect: 100-continue passes middleware',
  async ({ client, origin }) => {
    client.send(head('POST / HTTP/1.1', 'Host: a.example', 'Expect: 100-continue', 'Content-Length: 5'));
    const call = await origin.head();
    assert.equal(call.field('expect'), '100-continue');
    call.send(head('HTTP/1.1 100 Continue'));
    await client.interim(100);
    client.send('hello');
    await call.whole('hello');
    call.answer(200, 'ok');
    await client.response(200, 'ok');
  },
  { setup: (balancer) => balancer.use((_, next) => next()) },
);

wire(
  'a WebSocket passes middleware and becomes a tunnel',
  async ({ client, origin }) => {
    client.send(handshake('/ws'));
    const call = await origin.request('GET /ws');
    call.send(switching, 'early');
    const response = await client.head();
    assert.equal(response.status, 101);
    assert.equal(response.head.field('sec-websocket-accept'), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
    assert.equal(response.head.field('x-content-type-options'), 'nosniff');
    assert.equal(response.head.field('x-multiserver-tunnel'), undefined);
    await client.expect('early');
    client.send('to the endpoint');
    await call.peer.expect('to the endpoint');
    call.send('to the client');
    await client.expect('to the client');
    client.close();
    await call.peer.expectClosed();
    call.peer.close();
  },
  { setup: (balancer) => balancer.use(secureHeaders()) },
);

wire(
  'middleware that answers a WebSocket handshake wins, and the endpoint hears nothing',
  async ({ client, origin }) => {
    client.send(handshake('/ws'));
    await client.response(401, 'who are you?');
    origin.expectNothing();
  },
  {
    setup: (balancer) =>
      balancer.use('/ws', async (c, next) => {
        if (c.req.header('authorization') === undefined) return c.text('who are you?', 401);
        return next();
      }),
  },
);

wire(
  'a guard is not walked around by another spelling of its path',
  async ({ client, origin }) => {
    for (const path of ['/%61dmin', '/admin/../x', '//admin/x', '/admin%2fx', '/x/../admin/y']) {
      const one = client.gone ? null : client;
      one?.send(get(path));
      const { status } = await client.response();
      assert.ok(status === 401 || status === 400, `${path}: ${status}`);
    }
    origin.expectNothing();
  },
  { setup: (balancer) => balancer.use('/admin/*', async (c) => c.text('no', 401)) },
);

wire(
  'a client that leaves while middleware waits frees the endpoint',
  async ({ client, origin }) => {
    client.send(get('/slow'));
    const call = await origin.request();
    client.reset();
    await call.peer.expectClosed();
  },
  { setup: (balancer) => balancer.use(etag()) },
);

wire(
  'an answer that breaks off is cut behind middleware too',
  async ({ client, origin }) => {
    client.send(get('/'));
    const call = await origin.request();
    call.send(head('HTTP/1.1 200 OK', 'Content-Length: 100'), 'half');
    const response = await client.head();
    await client.bodyOf(response, 4);
    call.peer.close();
    await client.expectCut(response);
  },
  { setup: (balancer) => balancer.use(cors()) },
);

wire(
  'the fallback answers when there is no endpoint, with middleware and without',
  async ({ client }) => {
    client.send(get('/', 'Accept: text/html'), get('/cors/x'));
    const page = await client.response(503, '<h1>soon</h1>');
    assert.equal(page.head.field('retry-after'), '60');
    assert.equal((await client.response(503)).head.field('access-control-allow-origin'), '*');
  },
  {
    origins: 0,
    setup: (balancer) => {
      balancer.fallback(serviceUnavailable({ retryAfter: '1m', html: '<h1>soon</h1>' }));
      balancer.use('/cors/*', cors());
    },
  },
);

wire(
  'forceHttps() redirects before any route, and says over HTTPS that it stays so',
  async ({ client, origin }) => {
    client.send(get('/hello?a=b'));
    assert.equal((await client.response(308)).head.field('location'), 'https://a.example/hello?a=b');
    client.send(head('GET / HTTP/1.1', 'Host: evil.example'));
    assert.match((await client.response(421)).body.text, /"MS_UNKNOWN_HOST".* host /);
    client.send(get('/', 'X-Forwarded-Proto: https'));
    const fields = ['Strict-Transport-Security: max-age=1', 'Connection: Strict-Transport-Security'];
    (await origin.request('GET /')).answer(200, 'secure', ...fields);
    assert.deepEqual((await client.response(200, 'secure')).head.all('strict-transport-security'), [
      'max-age=31536000',
    ]);
  },
  {
    options: { trustedProxies: ['loopback'] },
    setup: (balancer) => {
      balancer.configure(forceHttps({ hosts: ['a.example'], hsts: true }));
      balancer.get('/hello', (c) => c.text('hello'));
    },
  },
);
