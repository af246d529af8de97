import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { bodyLimit } from 'hono/body-limit';
import { compress } from 'hono/compress';
import { cors } from 'hono/cors';
import { etag } from 'hono/etag';
import { secureHeaders } from 'hono/secure-headers';
import { MultiserverError } from '../errors.js';
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE, BODY_TUNNEL } from '../exchange.js';
import { headOf } from '../http1/fields.js';
import { FakeExchange, type FakeInit } from './exchange.test.fake.js';
import { serviceUnavailable } from './fallback.js';
import { type FakeEndpoint, RouteStage, until } from './own-routes.test.fake.js';

let stage: RouteStage;
let app: RouteStage['app'];
let endpoint: FakeEndpoint;
const ask = (init: FakeInit): Promise<FakeExchange> => stage.ask(init);
const visit = (init: FakeInit): FakeExchange => stage.visit(init);

beforeEach(() => {
  stage = new RouteStage();
  ({ app, endpoint } = stage);
});

describe('middleware around a proxied answer', () => {
  test('adds to it and leaves body, length, status and trailers alone', async () => {
    app.use(cors({ origin: 'https://a.example' }), secureHeaders());
    endpoint.onRequest = ({ reply }) => {
      const fields = [
        'Content-Type',
        'text/plain',
        'Set-Cookie',
        'a=1',
        'Set-Cookie',
        'b=2',
        'Connection',
        'x-hop',
        'X-Hop',
        '1',
      ];
      reply.sendHead(201, 'Made', { ...headOf(fields), listed: ['x-hop'] }, BODY_LENGTH, 6);
      reply.sendData(Buffer.from('abc'));
      setImmediate(() => {
        reply.sendData(Buffer.from('def'));
        reply.sendEnd(headOf(['X-Sum', '1']));
      });
    };
    const exchange = await ask({ target: '/any', fields: ['Origin', 'https://a.example'] });
    assert.equal(exchange.status, 201);
    assert.equal(exchange.reason, 'Made');
    assert.equal(exchange.text, 'abcdef');
    assert.deepEqual([exchange.sentBody, exchange.sentLength], [BODY_LENGTH, 6]);
    assert.equal(exchange.sent('access-control-allow-origin'), 'https://a.example');
    assert.equal(exchange.sent('x-content-type-options'), 'nosniff');
    assert.equal(exchange.sent('set-cookie'), 'a=1, b=2');
    assert.equal(exchange.sent('x-hop'), undefined);
    assert.deepEqual(exchange.trailers?.pairs, ['X-Sum', '1']);
    assert.equal(exchange.received, 0);
  });

  test('answers itself where it does not call next()', async () => {
    app.use('/admin/*', async (c, next) =>
      c.req.header('authorization') === 'let me in' ? next() : c.text('no', 401),
    );
    assert.equal((await ask({ target: '/admin/x' })).status, 401);
    assert.equal(endpoint.requests, 0);
    assert.equal((await ask({ target: '/admin/x', fields: ['Authorization', 'let me in'] })).text, 'balanced');
    assert.equal(endpoint.exchange.target, '/admin/x');
  });

  test('cannot be walked around by another spelling of the path', () => {
    app.use('/admin/*', async (c) => c.text('no', 401));
    const spellings = [
      '/%61dmin/x',
      '/x/../admin/x',
      '/admin/../x',
      '//admin/x',
      '/admin%2fx',
      '/.//admin/x',
      '/x\\..\\admin\\x',
      '/ADMIN%2f..%2fadmin/x',
    ];
    for (const target of spellings) {
      const exchange = new FakeExchange({ target });
      assert.equal(stage.routes.handle(exchange), true, target);
    }
    assert.equal(endpoint.requests, 0);
    for (const target of ['/x/../y', '/a%2fb', '//x', '/admins/%20'])
      assert.equal(stage.passesBy(target), true, target);
  });

  test('may replace the body', async () => {
    app.use(compress());
    const text = 'compressible '.repeat(500);
    endpoint.onRequest = () => endpoint.answer(text, ['Content-Type', 'text/plain']);
    const exchange = await ask({ target: '/', fields: ['Accept-Encoding', 'gzip'] });
    assert.equal(exchange.sent('content-encoding'), 'gzip');
    assert.equal(exchange.sentBody, BODY_CHUNKED);
    assert.equal(gunzipSync(Buffer.concat(exchange.data)).toString(), text);
  });

  test('may answer 304 in its place', async () => {
    app.use(etag());
    const first = await ask({ target: '/' });
    assert.equal(first.text, 'balanced');
    assert.equal(first.sentLength, 8);
    const tag = first.sent('etag')!;
    const second = await ask({ target: '/', fields: ['If-None-Match', tag] });
    assert.deepEqual([second.status, second.text], [304, '']);
  });

  test('that throws the answer away frees the endpoint', async () => {
    app.use(async (c, next) => {
      await next();
      c.res = new Response('mine');
    });
    endpoint.onRequest = ({ reply }) => reply.sendHead(200, '', headOf([]), BODY_CHUNKED, -1);
    assert.equal((await ask({ target: '/' })).text, 'mine');
    await until(() => endpoint.gone !== null);
    assert.notEqual(endpoint.gone, null);
    endpoint.gone = null;
    endpoint.onRequest = () => endpoint.answer('short');
    assert.equal((await ask({ target: '/' })).text, 'mine');
    assert.equal(endpoint.gone, null, 'what is short is taken, and the connection stays good');
  });

  test('makes the endpoint wait when the answer is not read', async () => {
    app.use(async (c, next) => {
      await next();
      await new Promise<void>(() => {});
    });
    let taken = 0;
    endpoint.onRequest = ({ reply }) => {
      reply.sendHead(200, '', headOf([]), BODY_CHUNKED, -1);
      while (taken < 1000 && reply.sendData(Buffer.alloc(1024))) taken++;
    };
    const exchange = visit({ target: '/' });
    await until(() => taken > 0);
    assert.ok(taken <= 64, `${taken} KiB held`);
    exchange.leave();
    assert.notEqual(endpoint.gone, null);
  });

  test('passes on the client’s pace, both for an untouched and for a changed body', async () => {
    app.use('/changed', async (c, next) => {
      await next();
      c.res = new Response(c.res.body!.pipeThrough(new TransformStream()), c.res);
    });
    app.use('/same', (_, next) => next());
    for (const target of ['/changed', '/same']) {
      let left = 1000;
      const send = (): void => {
        while (left > 0 && endpoint.reply.sendData(Buffer.alloc(1024))) left--;
        if (left === 0) endpoint.reply.sendEnd(null);
      };
      endpoint.onReplyDrain = send;
      endpoint.onRequest = ({ reply }) => {
        reply.sendHead(200, '', headOf([]), BODY_CHUNKED, -1);
        send();
      };
      const exchange = new FakeExchange({ target });
      exchange.window = 2;
      stage.visit(exchange);
      await until(() => exchange.data.length >= 2);
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.ok(left > 900, `${target}: ${1000 - left} KiB sent to a client that takes none`);
      exchange.drain();
      await until(() => exchange.ended);
      assert.equal(exchange.ended, true, target);
    }
  });

  test('sees informational answers go by', async () => {
    app.use((_, next) => next());
    endpoint.onRequest = () => {
      endpoint.reply.sendInterim(103, headOf(['Link', '</a>']));
      endpoint.answer('x');
    };
    assert.deepEqual((await ask({ target: '/' })).interims, [103]);
  });

  test('sees HEAD, 204 and 304 of endpoints as they are', async () => {
    app.use((_, next) => next());
    for (const [method, status, length] of [
      ['HEAD', 200, 7],
      ['GET', 204, -1],
      ['GET', 304, 7],
    ] as const) {
      endpoint.onRequest = ({ reply }) => {
        reply.sendHead(status, '', headOf([]), BODY_NONE, length);
        reply.sendEnd(null);
      };
      const exchange = await ask({ method, target: '/' });
      assert.deepEqual([exchange.status, exchange.sentBody, exchange.sentLength], [status, BODY_NONE, length]);
    }
  });

  test('sees a broken answer break', async () => {
    app.use('/changed', async (c, next) => {
      await next();
      c.res = new Response(c.res.body!.pipeThrough(new TransformStream()), c.res);
    });
    app.use('/same', (_, next) => next());
    for (const target of ['/changed', '/same']) {
      endpoint.onRequest = ({ reply }) => {
        reply.sendHead(200, '', headOf([]), BODY_LENGTH, 100);
        reply.sendData(Buffer.from('half'));
        setTimeout(() => reply.fail(new MultiserverError('MS_RESPONSE_CUT')), 20);
      };
      const exchange = await ask({ target });
      assert.equal(exchange.failed?.code, 'MS_RESPONSE_CUT', target);
      assert.equal(exchange.text, 'half');
    }
  });

  test('answers with 502 for a status that is none', async () => {
    app.use((_, next) => next());
    endpoint.onRequest = () => endpoint.answer('x', [], 799);
    assert.equal((await ask({ target: '/' })).status, 502);
  });

  test('ends when the client leaves before the answer', async () => {
    let after = 0;
    app.use(async (c, next) => {
      await next();
      after = c.res.status;
    });
    endpoint.onRequest = () => {};
    const exchange = visit({ target: '/' });
    exchange.leave();
    await until(() => after !== 0);
    assert.equal(after, 499);
    assert.equal(exchange.status, 0);
    assert.notEqual(endpoint.gone, null);
  });
});

describe('a request body behind middleware', () => {
  const post = {
    method: 'POST',
    target: '/x',
    fields: ['Content-Type', 'application/json'],
    body: BODY_LENGTH,
    length: 7,
    chunks: ['{"a":', '1}'],
  };
  beforeEach(() => void (endpoint.onRequest = () => endpoint.echo()));

  test('flows to the endpoint as it came when nobody has read it', async () => {
    app.use((_, next) => next());
    assert.equal((await ask(post)).text, '{"a":1}');
    assert.deepEqual([endpoint.exchange.body, endpoint.exchange.length], [BODY_LENGTH, 7]);
  });

  test('is sent although the middleware has read it', async () => {
    app.use(async (c, next) => {
      assert.deepEqual(await c.req.json(), { a: 1 });
      await next();
    });
    assert.equal((await ask(post)).text, '{"a":1}');
    assert.deepEqual([endpoint.exchange.body, endpoint.exchange.length], [BODY_LENGTH, 7]);
    assert.equal(endpoint.exchange.header('content-type'), 'application/json');
  });

  test('is what the middleware has put in its place, and so are method, path and fields', async () => {
    app.use(async (c, next) => {
      c.req.raw = new Request('http://example.com/y?z', { method: 'PUT', body: 'other', headers: { 'X-New': '1' } });
      await next();
    });
    assert.equal((await ask(post)).text, 'other');
    const { method, target } = endpoint.exchange;
    assert.deepEqual([method, target, endpoint.exchange.header('x-new')], ['PUT', '/y?z', '1']);
  });

  test('passes a limit', async () => {
    app.use(bodyLimit({ maxSize: 10 }));
    const chunked = { ...post, body: BODY_CHUNKED, fields: ['Transfer-Encoding', 'chunked'] };
    assert.equal((await ask(chunked)).text, '{"a":1}');
    assert.equal((await ask({ ...chunked, chunks: ['12345', '678901'] })).status, 413);
  });

  test('that was read past Hono is an error, not an empty body', async () => {
    app.use(async (c, next) => {
      await c.req.raw.text();
      await next();
    });
    assert.equal((await ask(post)).status, 500);
    assert.equal(endpoint.requests, 0);
  });
});

describe('a WebSocket handshake through middleware', () => {
  const handshake = { target: '/ws', fields: ['Connection', 'Upgrade', 'Upgrade', 'websocket'] };

  function upgrade(): FakeExchange {
    const exchange = new FakeExchange(handshake);
    exchange.upgrade = true;
    stage.visit(exchange);
    return exchange;
  }

  test('becomes a tunnel, with what the middleware added', async () => {
    app.use(secureHeaders());
    endpoint.onRequest = accept;
    const exchange = upgrade();
    await until(() => exchange.status !== 0);
    assert.deepEqual([exchange.status, exchange.sentBody], [101, BODY_TUNNEL]);
    assert.equal(exchange.sent('sec-websocket-accept'), 'k');
    assert.equal(exchange.sent('x-multiserver-tunnel'), undefined);
    assert.equal(exchange.sent('x-content-type-options'), 'nosniff');
    assert.equal(exchange.text, 'early');
    endpoint.reply.sendData(Buffer.from(' late'));
    assert.equal(exchange.text, 'early late');
    exchange.leave();
    assert.notEqual(endpoint.gone, null);
  });

  test('is refused where the middleware answers, before or after the endpoint', async () => {
    app.use('/ws', async (c) => c.text('no', 401));
    const before = upgrade();
    await until(() => before.ended);
    assert.equal(before.status, 401);
    assert.equal(endpoint.requests, 0);

    stage = new RouteStage();
    ({ app, endpoint } = stage);
    app.use(async (c, next) => {
      await next();
      c.res = undefined;
      c.res = new Response('no', { status: 403 });
    });
    endpoint.onRequest = accept;
    const after = upgrade();
    await until(() => after.ended);
    assert.equal(after.status, 403);
    assert.equal(after.text, 'no');
    assert.notEqual(endpoint.gone, null);
  });
});

describe('when no endpoint can take the request', () => {
  const noEndpoint = new MultiserverError('MS_NO_ENDPOINT');
  beforeEach(
    () => void (endpoint.onRequest = ({ exchange, reply }) => stage.routes.onFailed(exchange, reply, noEndpoint)),
  );

  test('the middleware still wraps the error answer', async () => {
    app.use(cors());
    const exchange = await ask({ target: '/' });
    assert.equal(exchange.status, 503);
    assert.equal(exchange.sent('access-control-allow-origin'), '*');
    assert.equal(JSON.parse(exchange.text).code, 'MS_NO_ENDPOINT');
    assert.equal(exchange.error, noEndpoint);
  });

  test('the fallback answers, with and without middleware', async () => {
    stage.routes.setFallback((c, error) => c.text(`${error.code} ${c.req.path} ${c.env.client.address}`, 503));
    const bare = new FakeExchange({ target: '/any' });
    stage.routes.onFailed(bare, bare, noEndpoint);
    await until(() => bare.ended);
    assert.equal(bare.text, 'MS_NO_ENDPOINT /any 192.0.2.1');
    app.use(cors());
    const wrapped = await ask({ target: '/x' });
    assert.equal(wrapped.text, 'MS_NO_ENDPOINT /x 192.0.2.1');
    assert.equal(wrapped.sent('access-control-allow-origin'), '*');
  });

  test('the fallback is not asked about what an endpoint may have done', () => {
    stage.routes.setFallback((c) => c.text('fallback'));
    const exchange = new FakeExchange({});
    stage.routes.onFailed(exchange, exchange, new MultiserverError('MS_RESPONSE_TIMEOUT'));
    assert.equal(exchange.failed?.code, 'MS_RESPONSE_TIMEOUT');
  });

  test('serviceUnavailable() says when to come back', async () => {
    stage.routes.setFallback(serviceUnavailable({ retryAfter: '2m', html: '<h1>soon</h1>', message: 'Soon.' }));
    app.use((_, next) => next());
    const json = await ask({ target: '/' });
    assert.deepEqual([json.status, json.sent('retry-after'), JSON.parse(json.text).message], [503, '120', 'Soon.']);
    const html = await ask({ target: '/', fields: ['Accept', 'text/html'] });
    assert.equal(html.text, '<h1>soon</h1>');
    assert.throws(() => serviceUnavailable({ retryAfter: 'soon' as never }), /retryAfter/);
  });
});

function accept({ exchange, reply }: FakeEndpoint): void {
  assert.equal(exchange.upgrade, true);
  reply.sendHead(
    101,
    'Switching Protocols',
    headOf(['Sec-WebSocket-Accept', 'k', 'Upgrade', 'websocket']),
    BODY_TUNNEL,
    0,
  );
  exchange.receive(endpoint);
  reply.sendData(Buffer.from('early'));
}
