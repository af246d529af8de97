import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import type { MultiserverError } from '../errors.js';
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE } from '../exchange.js';
import { getConnInfo } from './bindings.js';
import { FakeExchange, type FakeInit } from './exchange.test.fake.js';
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

describe('a request that matches nothing of the user’s', () => {
  test('passes by', () => {
    const passes = stage.passesBy.bind(stage);
    assert.equal(passes('/'), true, 'without any route');
    app.get('/hello', (c) => c.text('hi'));
    app.route(
      '/api',
      new Hono().get('/users/:id', (c) => c.text('user')),
    );
    for (const target of ['/', '/other', '/hello2', '/hello/x', '/api', '/api/users', '/?/hello', '/hell%6']) {
      assert.equal(passes(target), true, target);
    }
    assert.equal(passes('/hello', 'POST'), true, 'another method');
    assert.equal(passes('*', 'OPTIONS'), true);
    assert.equal(endpoint.requests, 0);
    for (const target of ['/hello', '/hello?x=1', '/api/users/7', '/%68ello'])
      assert.equal(passes(target), false, target);
    assert.equal(passes('/hello', 'HEAD'), false);
  });

  test('is known when the route is added after the first request', async () => {
    app.get('/first', (c) => c.text('1'));
    assert.equal((await ask({ target: '/first' })).text, '1');
    app.get('/second', (c) => c.text('2'));
    app.basePath('/v1').get('/x', (c) => c.text('3'));
    assert.equal((await ask({ target: '/second' })).text, '2');
    assert.equal((await ask({ target: '/v1/x' })).text, '3');
  });
});

describe('an own route', () => {
  test('answers with a length, and with what its request was', async () => {
    app.post('/hello/:name', async (c) => {
      const { address, port, encrypted } = c.env.client;
      const { remote } = getConnInfo(c);
      return c.json({
        name: c.req.param('name'),
        url: c.req.url,
        body: await c.req.text(),
        address,
        port,
        encrypted,
        remote,
      });
    });
    const exchange = await ask({
      method: 'POST',
      target: '/hello/w%C3%B6rld?a=b',
      fields: ['Host', 'example.com', 'X-Forwarded-For', '6.6.6.6'],
      body: BODY_LENGTH,
      length: 6,
      chunks: ['one', 'two'],
    });
    assert.equal(exchange.status, 200);
    assert.equal(exchange.sentBody, BODY_LENGTH);
    assert.equal(exchange.sentLength, Buffer.byteLength(exchange.text));
    assert.deepEqual(JSON.parse(exchange.text), {
      name: 'wörld',
      url: 'http://example.com/hello/w%C3%B6rld?a=b',
      body: 'onetwo',
      address: '192.0.2.1',
      port: 40000,
      encrypted: false,
      remote: { address: '192.0.2.1', addressType: 'IPv4', port: 40000, transport: 'tcp' },
    });
  });

  test('sees no field that only a trusted proxy may send', async () => {
    app.get('/h', (c) =>
      c.json([
        c.req.header('x-forwarded-for') ?? null,
        c.req.header('x-real-ip') ?? null,
        c.req.header('x-own') ?? null,
      ]),
    );
    const fields = ['X-Forwarded-For', '6.6.6.6', 'X-Real-IP', '6.6.6.6', 'X-Own', '1', 'x-multiserver-client', 'a'];
    assert.equal((await ask({ target: '/h', fields })).text, '[null,null,"1"]');
  });

  test('has the scheme and host that a trusted proxy said', async () => {
    app.get('/u', (c) => c.text(c.req.url));
    const exchange = new FakeExchange({ target: '/u' });
    exchange.forwarded = { chain: ['203.0.113.7'], proto: 'https', host: 'shop.example', port: '443' };
    stage.visit(exchange);
    await until(() => exchange.ended);
    assert.equal(exchange.text, 'https://shop.example/u');
  });

  test('is asked for a body only when it reads it', async () => {
    app.post('/ignores', (c) => c.text('done'));
    app.post('/reads', async (c) => c.text(await c.req.text()));
    const init = { method: 'POST', body: BODY_CHUNKED, chunks: ['abc'] };
    const ignored = await ask({ ...init, target: '/ignores' });
    assert.equal(ignored.text, 'done');
    assert.equal(ignored.received + ignored.continued, 0);
    const read = await ask({ ...init, target: '/reads' });
    assert.equal(read.text, 'abc');
    assert.equal(read.continued, 1, 'a client that waits for 100 is told to go on');
  });

  test('takes a body no faster than it reads it', async () => {
    let read!: () => Promise<unknown>;
    app.post('/slow', async (c) => {
      const reader = c.req.raw.body!.getReader();
      read = () => reader.read();
      await new Promise(() => {});
      return c.text('never');
    });
    const exchange = visit({ method: 'POST', target: '/slow', body: BODY_CHUNKED, chunks: ['a', 'b', 'c', 'd'] });
    await until(() => read !== undefined);
    assert.equal(exchange.waiting, 4);
    await read();
    assert.equal(exchange.waiting, 3);
    await Promise.all([read(), read()]);
    assert.equal(exchange.waiting, 1);
  });

  test('may answer with the body it gets, while it comes', async () => {
    app.post('/echo', (c) => new Response(c.req.raw.body));
    const exchange = visit({ method: 'POST', target: '/echo', body: BODY_CHUNKED, ended: false });
    exchange.arrive('one');
    await until(() => exchange.text === 'one');
    exchange.arrive('two', true);
    await until(() => exchange.ended);
    assert.equal(exchange.text, 'onetwo');
    assert.equal(exchange.sentBody, BODY_CHUNKED);
  });

  test('answers HEAD by its GET handler, without the body', async () => {
    app.get('/x', (c) => c.text('hello', 200, { 'Content-Length': '5' }));
    const exchange = await ask({ method: 'HEAD', target: '/x' });
    assert.equal(exchange.sentBody, BODY_NONE);
    assert.equal(exchange.sentLength, 5);
    assert.equal(exchange.text, '');
  });

  test('may send 204, 304 and several cookies', async () => {
    app.get('/none', (c) => c.body(null, 204));
    app.get('/same', (c) => c.body(null, 304, { 'Content-Length': '9' }));
    app.get('/cookies', (c) => {
      c.header('Set-Cookie', 'a=1', { append: true });
      c.header('Set-Cookie', 'b=2', { append: true });
      return c.text('');
    });
    assert.equal((await ask({ target: '/none' })).status, 204);
    const same = await ask({ target: '/same' });
    assert.deepEqual([same.status, same.sentBody, same.sentLength], [304, BODY_NONE, 9]);
    const cookies = await ask({ target: '/cookies' });
    assert.deepEqual(
      cookies.sentHead!.pairs.filter((p) => p === 'a=1' || p === 'b=2'),
      ['a=1', 'b=2'],
    );
    assert.equal(cookies.sentLength, 0);
  });

  test('sees every method, also one that Request does not take', async () => {
    app.all('/m', (c) => c.text(c.req.method));
    for (const method of ['PURGE', 'TRACE', 'PATCH']) assert.equal((await ask({ method, target: '/m' })).text, method);
  });

  test('that says c.notFound() is not found; the user’s own page counts', async () => {
    app.get('/x', (c) => c.notFound());
    assert.equal((await ask({ target: '/x' })).status, 404);
    app.notFound((c) => c.text('no such thing', 404));
    assert.equal((await ask({ target: '/x' })).text, 'no such thing');
    assert.equal(endpoint.requests, 0);
  });

  test('can be tested without a client', async () => {
    app.get('/x', (c) => c.text('x'));
    assert.equal(await (await app.request('/x')).text(), 'x');
    assert.equal((await app.request('/y')).status, 404);
  });
});

describe('an own route that fails', () => {
  const quiet = console.error;
  beforeEach(() => void (console.error = () => {}));
  afterEach(() => void (console.error = quiet));

  test('is answered with 500, or by the user’s onError', async () => {
    app.get('/x', () => {
      throw new Error('secret');
    });
    const plain = await ask({ target: '/x' });
    assert.equal(plain.status, 500);
    assert.equal(plain.text.includes('secret'), false);
    app.onError((error, c) => c.text(`handled ${error.message}`, 503));
    assert.equal((await ask({ target: '/x' })).text, 'handled secret');
  });

  test('in a way that nobody can handle is answered with 500 all the same', async () => {
    app.get('/throws', () => Promise.reject('no error'));
    app.get('/nothing', () => undefined as unknown as Response);
    app.get('/zero', () => Response.error());
    app.get('/broken', () => new Response(new ReadableStream({ pull: () => Promise.reject(new Error('x')) })));
    app.get('/text', () => new Response(new ReadableStream({ start: (c) => c.enqueue('text' as never) })));
    for (const target of ['/throws', '/zero', '/broken', '/text']) {
      assert.equal((await ask({ target })).failed?.code, 'MS_INTERNAL', target);
    }
    assert.equal((await ask({ target: '/nothing' })).status, 500);
  });

  test('in the middle of its answer is cut', async () => {
    let pulls = 0;
    const body = new ReadableStream<Uint8Array>({
      pull: (c) => (pulls++ < 2 ? c.enqueue(new Uint8Array(3)) : Promise.reject(new Error('x'))),
    });
    app.get('/cut', () => new Response(body));
    const exchange = await ask({ target: '/cut' });
    assert.equal(exchange.status, 200);
    assert.equal(exchange.failed?.code, 'MS_INTERNAL');
    assert.equal(exchange.ended, false);
  });
});

describe('a stream of an own route', () => {
  test('flows event by event and ends when the client leaves', async () => {
    let aborted = false;
    app.get('/events', (c) =>
      streamSSE(c, async (stream) => {
        stream.onAbort(() => void (aborted = true));
        for (let i = 0; !stream.aborted && i < 10_000; i++) {
          await stream.writeSSE({ data: `${i}` });
          await stream.sleep(1);
        }
      }),
    );
    const exchange = visit({ target: '/events' });
    await until(() => exchange.text.includes('data: 3'));
    assert.equal(exchange.sentBody, BODY_CHUNKED);
    assert.equal(exchange.sent('content-type'), 'text/event-stream');
    exchange.leave();
    await until(() => aborted);
    assert.equal(aborted, true);
    const { length } = exchange.text;
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(exchange.text.length, length);
  });

  test('is read no faster than the client takes it', async () => {
    let pulled = 0;
    app.get(
      '/fast',
      () => new Response(new ReadableStream({ pull: (c) => (pulled++, c.enqueue(new Uint8Array(10))) })),
    );
    const exchange = new FakeExchange({ target: '/fast' });
    exchange.window = 3;
    stage.visit(exchange);
    await until(() => exchange.data.length === 3);
    const before = pulled;
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(pulled, before);
    assert.ok(pulled <= 6, `${pulled} pieces for 3 taken`);
    exchange.drain(5);
    await until(() => exchange.data.length === 8);
    assert.equal(exchange.data.length, 8);
    exchange.leave();
  });

  test('tells its handler by the request’s signal that the client left', async () => {
    let reason: unknown;
    app.get('/wait', async (c) => {
      await new Promise<void>((resolve) => c.req.raw.signal.addEventListener('abort', () => resolve()));
      reason = c.req.raw.signal.reason;
      return c.text('too late');
    });
    const exchange = visit({ target: '/wait' });
    exchange.leave();
    await until(() => reason !== undefined);
    assert.equal((reason as MultiserverError).code, 'MS_CLIENT_GONE');
    assert.equal(exchange.status, 0);
  });
});
