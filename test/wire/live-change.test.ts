import assert from 'node:assert/strict';
import { LEAST_CONNECTIONS, type LoadBalancerOptions } from 'node-multiserver';
import { get, head, pause, post, type Stage, wire } from './harness.js';

wire(
  'another algorithm takes over at once, and what is in progress ends as it began',
  async (stage) => {
    const { origins, balancer } = stage;
    const [first, second] = origins as [(typeof origins)[0], (typeof origins)[0]];
    const held = stage.connect().send(get('/held'));
    const call = await first.request();
    balancer.algorithm = LEAST_CONNECTIONS;
    assert.equal(balancer.status().algorithm, 'least-connections');
    assert.equal(balancer.algorithm, LEAST_CONNECTIONS);
    for (let i = 0; i < 3; i++) {
      const client = stage.connect().send(get(`/${i}`));
      (await second.request()).answer(200);
      await client.response(200);
    }
    first.expectNothing();
    balancer.algorithm = (candidates) => candidates.find(({ id }) => id === first.url);
    const client = stage.connect().send(get('/own'));
    (await first.request('GET /own')).answer(200);
    await client.response(200);
    call.answer(200, 'held');
    await held.response(200, 'held');
  },
  { origins: 2 },
);

wire(
  'a higher limit lets the waiting in at once; a lower one drops nobody',
  async (stage) => {
    const { origin, balancer } = stage;
    const clients = [1, 2, 3, 4].map((n) => stage.connect().send(get(`/${n}`)));
    await origin.request();
    await stage.until('three to wait', () => balancer.status().queued === 3);
    balancer.reconfigure({ maxConcurrentConnections: 3 });
    await origin.request();
    await origin.request();
    assert.equal(balancer.status().queued, 1);
    balancer.reconfigure({ maxConcurrentConnections: 1, queue: { size: 0 } });
    const late = stage.connect().send(get('/late'));
    assert.match((await late.response(503)).body.text, /MS_QUEUE_FULL/);
    for (const call of origin.calls) call.answer(200, 'done');
    (await origin.request()).answer(200, 'done');
    for (const client of clients) await client.response(200, 'done');
  },
  { options: { maxConcurrentConnections: 1 } },
);

wire('time-outs change live, also on connections that are there', async (stage) => {
  const { client, origin, balancer } = stage;
  client.send(get('/'));
  (await origin.request()).answer(200);
  await client.response(200);
  balancer.reconfigure({ responseTimeout: 200 });
  client.send(get('/slow'));
  await origin.request('GET /slow');
  assert.equal(origin.peers.length, 1);
  assert.match((await client.response(504)).body.text, /MS_RESPONSE_TIMEOUT/);
  balancer.reconfigure({ responseTimeout: undefined, timeout: 300 });
  client.send(get('/slower'));
  await origin.request('GET /slower');
  await client.response(504);
});

wire(
  'what the front takes of clients changes live too, on connections that are open',
  async ({ client, origin, balancer }) => {
    origin.onCall = (call) => void call.whole().then(() => call.answer(200, call.body.text));
    client.send(post('/', 'four'));
    await client.response(200, 'four');
    balancer.reconfigure({ maxBodySize: 3, trustedProxies: ['loopback'] });
    client.send(get('/', 'X-Forwarded-For: 192.0.2.7'));
    await client.response(200);
    assert.equal(origin.calls.at(-1)!.field('x-forwarded-for'), '192.0.2.7, 127.0.0.1');
    client.send(post('/', 'four'));
    await client.response(413);
    await client.expectClosed();
  },
);

wire(
  'a change that is not valid changes nothing; undefined is the default again',
  async ({ client, origin, balancer }) => {
    origin.onCall = (call) => call.answer(200);
    assert.throws(() => balancer.reconfigure({ algorithm: LEAST_CONNECTIONS, timeout: -1 }), {
      code: 'MS_INVALID_OPTION',
      message: /"timeout" must be a duration/,
    });
    assert.throws(() => balancer.reconfigure({ tmeout: 1 } as object), { message: /did you mean "timeout"/ });
    assert.equal(balancer.status().algorithm, 'round-robin');
    balancer.reconfigure({ algorithm: LEAST_CONNECTIONS });
    assert.equal(balancer.status().algorithm, 'least-connections');
    balancer.reconfigure({ algorithm: undefined });
    assert.equal(balancer.status().algorithm, 'round-robin');
    client.send(get('/'));
    await client.response(200);
  },
);

const nobody = '/nonexistent';
class Unwilling {
  constructor() {
    throw new Error('not today');
  }
  pick() {
    return undefined;
  }
}
for (const [fault, change, message] of [
  ['names a certificate that cannot be read', { endpointTls: { ca: nobody } }, /nonexistent/],
  ['names such a one for one of its pools', { pools: { other: { endpointTls: { ca: nobody } } } }, /nonexistent/],
  ['has an algorithm that cannot be made', { algorithm: Unwilling }, /not today/],
  ['has such an algorithm in a new pool', { pools: { late: { algorithm: Unwilling } } }, /not today/],
  ['has a rule that leads nowhere', { routes: [{ pool: 'none' }] }, /"none"/],
] satisfies [string, LoadBalancerOptions, RegExp][]) {
  wire(
    `a change that ${fault} changes nothing, and the next one is taken`,
    async ({ client, origins, balancer }) => {
      const [main, other] = origins as [(typeof origins)[0], (typeof origins)[0]];
      for (const origin of origins) origin.onCall = (call) => call.answer(200, origin.name);
      balancer.reconfigure({ endpoints: [main.url], pools: { other: [other.url] } });
      balancer.endpoints.remove(other.url);
      const away = { path: '/away', pool: 'other' };
      assert.throws(
        () => balancer.reconfigure({ maxConcurrentConnections: 1, queue: { size: 0 }, routes: [away], ...change }),
        { message },
      );
      assert.deepEqual(
        balancer.status().pools.map(({ name, algorithm }) => [name, algorithm]),
        [
          ['default', 'round-robin'],
          ['other', 'round-robin'],
        ],
      );
      assert.equal(balancer.pools.get('late'), undefined);
      client.send(get('/away'));
      await client.response(200, 'origin');
      balancer.reconfigure({ routes: [away] });
      client.send(get('/away'));
      await client.response(200, 'origin2');
    },
    { origins: 2 },
  );
}

wire(
  'another weight counts from the next request on',
  async ({ client, origins, balancer }) => {
    const [first, second] = origins as [(typeof origins)[0], (typeof origins)[0]];
    for (const origin of origins) origin.onCall = (call) => call.answer(200);
    const ask = async (): Promise<[number, number]> => {
      const before = [first.calls.length, second.calls.length] as const;
      for (let i = 0; i < 8; i++) {
        client.send(get('/'));
        await client.response(200);
      }
      return [first.calls.length - before[0], second.calls.length - before[1]];
    };
    assert.deepEqual(await ask(), [4, 4]);
    balancer.endpoints.setWeight(second.url, 3);
    assert.deepEqual(await ask(), [2, 6]);
    assert.throws(() => balancer.endpoints.setWeight(second.url, 0), { message: /"weight" must be a number above 0/ });
  },
  { origins: 2 },
);

wire('an endpoint that is removed ends its requests, and may be added again meanwhile', async (stage) => {
  const { origin, balancer } = stage;
  const held = stage.connect().send(get('/held'));
  const call = await origin.request();
  balancer.endpoints.remove(origin.url);
  const refused = stage.connect().send(get('/none'));
  await refused.response(503);
  balancer.endpoints.add(origin.url);
  assert.equal(balancer.status().endpoints.length, 2);
  const client = stage.connect().send(get('/again'));
  (await origin.request('GET /again')).answer(200);
  await client.response(200);
  call.answer(200, 'held');
  await held.response(200, 'held');
  await stage.until('the old one to be gone', () => balancer.status().endpoints.length === 1);
  assert.equal(balancer.endpoints.find(origin.url)?.state, 'ready');
});

const streams = async (stage: Stage, count: number) => {
  const { origin } = stage;
  origin.onCall = (call) =>
    call.send(head('HTTP/1.1 200 OK', 'Content-Type: text/event-stream', 'Connection: close'), 'data: 1\n\n');
  const clients: Stage['clients'] = [];
  for (let i = 1; i <= count; i++) {
    clients.push(stage.connect().send(get(`/${i}`)));
    await stage.until('the stream to begin', () => stage.balancer.status().pools[0]!.longLived === i);
  }
  return clients;
};

for (const how of ['drain', 'maintenance'] as const) {
  wire(
    `${how} of an endpoint ends its event streams one after another; when it takes requests again before, the rest stay`,
    async (stage) => {
      const { origin, balancer } = stage;
      const clients = await streams(stage, 4);
      balancer.endpoints[how](origin.url);
      await clients[0]!.response(200, 'data: 1\n\n');
      balancer.endpoints.resume(origin.url);
      // The next two would have had their turn.
      await pause(600);
      assert.equal(balancer.status().inFlight, 3);
      balancer.reconfigure({ drainTime: 0 });
      balancer.endpoints[how](origin.url);
      for (const client of clients.slice(1)) await client.response(200, 'data: 1\n\n');
    },
    { options: { drainTime: 1000 } },
  );
}
