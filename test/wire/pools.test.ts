import assert from 'node:assert/strict';
import { LEAST_CONNECTIONS, type LoadBalancer, type LoadBalancerOptions } from 'node-multiserver';
import { get, head, pause, post, type Stage, wire } from './harness.js';

/** The first origin in the default pool, the second in `api`, the third in `admin`. */
function spread({ balancer, origins }: Stage, options: LoadBalancerOptions): void {
  const [main, api, admin] = origins.map(({ url }) => url) as [string, string, string];
  balancer.reconfigure({ endpoints: [main], pools: { api: [api], admin: { endpoints: [admin] } }, ...options });
  for (const url of [api, admin]) balancer.endpoints.remove(url);
  for (const origin of origins) origin.onCall = (call) => call.answer(200, origin.name);
}

const setting = { origins: 3 };
const at = (host: string, target: string): string => head(`GET ${target} HTTP/1.1`, `Host: ${host}`);

wire(
  'requests go to the pool of their rule: the most particular host decides, then the longest path; the rest to the default pool',
  async (stage) => {
    const { client } = stage;
    spread(stage, {
      routes: [
        { path: '/api/*', pool: 'api' },
        { path: '/api/admin', pool: 'admin' },
        { host: 'admin.example.com', pool: 'admin' },
        { host: '*.example.com', path: '/v1', pool: 'api' },
        { host: 'admin.example.com', path: '/public', pool: 'default' },
      ],
    });
    for (const [host, target, name] of [
      ['a.test', '/', 'origin'],
      ['a.test', '/apix', 'origin'],
      ['a.test', '/api', 'origin2'],
      ['a.test', '/api/x?y', 'origin2'],
      ['a.test', '/api/admin/x', 'origin3'],
      ['Admin.Example.com:80', '/', 'origin3'],
      ['admin.example.com', '/api', 'origin3'],
      ['admin.example.com', '/public/x', 'origin'],
      ['www.example.com', '/v1', 'origin2'],
      ['www.example.com', '/', 'origin'],
      ['example.com', '/v1', 'origin'],
    ] as const) {
      client.send(at(host, target));
      await client.response(200, name);
    }
  },
  setting,
);

wire(
  'a path that a server could read so that another rule is meant is refused, whatever the spelling; others pass as they are',
  async (stage) => {
    const { client, origins } = stage;
    spread(stage, { routes: [{ path: '/admin', pool: 'admin' }] });
    for (const target of ['/x/../admin', '/%61dmin', '//admin', '/./admin', '/admin/../x']) {
      client.send(at('a.test', target));
      assert.match((await client.response(400)).body.text, /MS_BAD_TARGET/, target);
    }
    for (const [target, name] of [
      ['/a%20b', 'origin'],
      ['/admin/a%2Fb', 'origin3'],
      ['/a/../b', 'origin'],
    ] as const) {
      client.send(at('a.test', target));
      await client.response(200, name);
      assert.equal(origins.find((origin) => origin.name === name)!.calls.at(-1)!.target, target);
    }
  },
  setting,
);

wire(
  'each pool has its own limits, which are those of the balancer where it says nothing',
  async (stage) => {
    const { balancer, origins } = stage;
    spread(stage, {
      maxConcurrentConnections: 1,
      queue: { size: 0 },
      routes: [
        { path: '/api', pool: 'api' },
        { path: '/admin', pool: 'admin' },
      ],
    });
    balancer.pools.get('admin')!.reconfigure({ maxConcurrentConnections: 2, algorithm: LEAST_CONNECTIONS });
    for (const origin of origins) origin.onCall = null;
    const waiting = ['/', '/api', '/admin', '/admin'].map((target) => stage.connect().send(get(target)));
    await stage.until('all to be on their way', () => balancer.status().inFlight === 4);
    for (const target of ['/', '/api', '/admin']) {
      const surplus = stage.connect().send(get(target));
      assert.match((await surplus.response(503)).body.text, /MS_QUEUE_FULL/);
    }
    assert.deepEqual(
      balancer.status().pools.map(({ name, algorithm, inFlight }) => [name, algorithm, inFlight]),
      [
        ['default', 'round-robin', 1],
        ['api', 'round-robin', 1],
        ['admin', 'least-connections', 2],
      ],
    );
    for (const origin of origins) for (const call of origin.calls) call.answer(200);
    for (const client of waiting) await client.response(200);
  },
  setting,
);

wire(
  "a rule's time-out and body limit count in place of the pool's",
  async (stage) => {
    const { client, origins } = stage;
    spread(stage, {
      routes: [
        { path: '/quick', timeout: 200 },
        { path: '/small', maxBody: 3 },
      ],
    });
    const [main] = origins as [(typeof origins)[0]];
    main.onCall = (call) => {
      if (call.target !== '/quick')
        call.whole().then(
          () => call.answer(200),
          () => {},
        );
    };
    client.send(get('/quick'));
    await client.response(504);
    client.send(post('/small', 'abc'));
    await client.response(200);
    client.send(post('/other', 'abcd'));
    await client.response(200);
    client.send(post('/small', 'abcd'));
    await client.response(413);
    const chunked = stage.connect();
    chunked.send(head('POST /small HTTP/1.1', 'Host: a.test', 'Transfer-Encoding: chunked') + '2\r\nab\r\n');
    await stage.until('its beginning to arrive', () => main.calls.at(-1)!.body.text === 'ab');
    chunked.send('2\r\ncd\r\n0\r\n\r\n');
    await chunked.response(413);
    await main.calls.at(-1)!.expectCut();
  },
  setting,
);

wire(
  'a route may lead to a pool that is added later, by name, and routes change live',
  async (stage) => {
    const { balancer, client, origins } = stage;
    spread(stage, {});
    const [, , third] = origins as [(typeof origins)[0], (typeof origins)[0], (typeof origins)[0]];
    assert.throws(() => balancer.reconfigure({ routes: [{ pool: 'late' }] }), {
      code: 'MS_INVALID_OPTION',
      message: /there is no "late"; there are: default, api, admin/,
    });
    client.send(get('/'));
    await client.response(200, 'origin');
    balancer.pools.add('late', [third.url]);
    balancer.reconfigure({ routes: [{ pool: 'late' }] });
    client.send(get('/'));
    await client.response(200, 'origin3');
    balancer.pools.get('late')!.algorithm = (candidates) => candidates[0];
    assert.equal(balancer.status().pools.at(-1)!.algorithm, 'own');
    balancer.reconfigure({ routes: [] });
    client.send(get('/'));
    await client.response(200, 'origin');
    assert.deepEqual(
      Array.from(balancer.pools, ({ name }) => name),
      ['default', 'api', 'admin', 'late'],
    );
  },
  setting,
);

for (const [how, remove] of [
  ['by name', (balancer) => balancer.pools.remove('api')],
  ['by reconfigure', (balancer) => balancer.reconfigure({ pools: { api: undefined } })],
  ['with all others', (balancer) => balancer.reconfigure({ pools: undefined })],
] satisfies [string, (balancer: LoadBalancer) => unknown][]) {
  wire(
    `a pool is taken away ${how}, once no rule leads to it: what is in progress or waits there is answered, and nothing of it stays`,
    async (stage) => {
      const { balancer, origins } = stage;
      const [, api] = origins as [(typeof origins)[0], (typeof origins)[0]];
      const routes = [{ path: '/api', pool: 'api' }];
      spread(stage, { routes, maxConcurrentConnections: 1, healthCheck: { path: '/healthz', interval: 10 } });
      await stage.until('the pool to be well', () => api.calls.some(({ target }) => target === '/healthz'));
      api.onCall = (call) => void (call.target === '/healthz' && call.answer(200));
      const clients = ['/api/1', '/api/2'].map((target) => stage.connect().send(get(target)));
      await stage.until('one to wait', () => balancer.status().queued === 1);
      assert.throws(() => remove(balancer), { code: 'MS_INVALID_OPTION', message: /there is no "api"/ });
      balancer.reconfigure({ routes: [] });
      remove(balancer);
      assert.equal(balancer.pools.get('api'), undefined);
      assert.equal(
        balancer.status().pools.some(({ name }) => name === 'api'),
        false,
      );
      assert.equal(balancer.status().queued, 1);
      for (const client of clients) {
        const held = () => api.calls.filter(({ target }) => target !== '/healthz').at(-1);
        await stage.until('it to arrive', () => held()?.target === `/api/${clients.indexOf(client) + 1}`);
        held()!.answer(200, 'held');
        await client.response(200, 'held');
      }
      await stage.until('its endpoint to be gone', () =>
        balancer.status().endpoints.every(({ pool }) => pool !== 'api'),
      );
      const { length } = api.calls;
      await pause(100);
      assert.equal(api.calls.length, length);
      assert.throws(() => balancer.pools.remove('api'), { message: /There is no pool "api"/ });
      balancer.pools.add('api', [api.url]);
      balancer.reconfigure({ routes, healthCheck: { path: undefined } });
      const again = stage.connect().send(get('/api'));
      await stage.until('it to arrive', () => api.calls.at(-1)!.target === '/api');
      api.calls.at(-1)!.answer(200);
      await again.response(200);
    },
    setting,
  );
}

wire(
  'the endpoints of the options change live: what is in both stays as it is',
  async (stage) => {
    const { balancer, client, origins } = stage;
    const [first, second, third] = origins.map(({ url }) => url) as [string, string, string];
    for (const origin of origins) {
      origin.onCall = (call) => call.answer(200, origin.name);
      balancer.endpoints.remove(origin.url);
    }
    balancer.reconfigure({ endpoints: [first, { url: second, weight: 2 }] });
    const kept = balancer.endpoints.find(second);
    assert.equal(kept?.weight, 2);
    balancer.reconfigure({ endpoints: [{ url: second, weight: 3 }, third] });
    assert.deepEqual(
      balancer.endpoints.list().map(({ id, weight }) => [id, weight]),
      [
        [second, 3],
        [third, 1],
      ],
    );
    assert.equal(balancer.endpoints.find(second), kept);
    assert.throws(() => balancer.reconfigure({ endpoints: ['ftp://a'] }), { code: 'MS_INVALID_OPTION' });
    client.send(get('/'));
    await client.response(200, 'origin2');
  },
  setting,
);

wire(
  'endpoints of a higher priority number get requests only when no other can take them',
  async (stage) => {
    const { balancer, origins } = stage;
    const [first, second] = origins as [(typeof origins)[0], (typeof origins)[0]];
    balancer.endpoints.remove(second.url);
    balancer.endpoints.add(second.url, { priority: 1 });
    for (let i = 0; i < 3; i++) {
      const client = stage.connect().send(get('/'));
      (await first.request()).answer(200);
      await client.response(200);
    }
    balancer.reconfigure({ maxConcurrent: 1 });
    const held = stage.connect().send(get('/held'));
    const call = await first.request();
    const spilled = stage.connect().send(get('/spilled'));
    (await second.request('GET /spilled')).answer(200);
    await spilled.response(200);
    call.answer(200);
    await held.response(200);
    await first.close();
    const client = stage.connect().send(get('/retried'));
    (await second.request('GET /retried')).answer(200);
    await client.response(200);
  },
  { origins: 2 },
);
