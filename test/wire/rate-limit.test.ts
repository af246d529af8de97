import assert from 'node:assert/strict';
import { get, head, wire } from './harness.js';

wire(
  'who sends more than the rate gets 429 with the time to wait, and the endpoint hears nothing of it',
  async ({ client, origin }) => {
    origin.onCall = (call) => call.answer(200);
    for (let i = 0; i < 2; i++) {
      client.send(get('/'));
      await client.response(200);
    }
    client.send(get('/'));
    const refused = await client.response(429);
    assert.match(refused.body.text, /MS_RATE_LIMITED/);
    const wait = Number(refused.head.field('retry-after'));
    assert.ok(wait > 1700 && wait <= 1800, `Retry-After: ${wait}`);
    assert.equal(origin.calls.length, 2);
  },
  { options: { rateLimit: { rate: '2/h', burst: 2 } } },
);

wire(
  'a token comes back with time',
  async (stage) => {
    const { client, origin } = stage;
    origin.onCall = (call) => call.answer(200);
    client.send(get('/'));
    await client.response(200);
    for (let i = 0; i < 200; i++) {
      client.send(get('/'));
      const { status } = await client.response();
      if (status === 200) return;
      assert.equal(status, 429);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.fail('no token came back');
  },
  { options: { rateLimit: { rate: 5, burst: 1 } } },
);

wire(
  'clients are told apart by what the option names; a request without it by its address',
  async ({ client, origin }) => {
    origin.onCall = (call) => call.answer(200);
    const ask = async (key: string): Promise<number> => {
      client.send(key === '' ? get('/') : get('/', `X-Api-Key: ${key}`));
      return (await client.response()).status;
    };
    assert.deepEqual([await ask('a'), await ask('b'), await ask('a'), await ask('')], [200, 200, 429, 200]);
    assert.equal(await ask(''), 429);
  },
  { options: { rateLimit: { rate: '1/h', key: 'header:x-api-key' } } },
);

wire(
  "a rule's own limit counts in place of the balancer's, is not walked around by another spelling, and outlives a change of other options",
  async ({ client, origin, balancer }) => {
    origin.onCall = (call) => call.answer(200);
    const ask = async (target: string): Promise<number> => {
      client.send(get(target));
      return (await client.response()).status;
    };
    assert.deepEqual([await ask('/login'), await ask('/login'), await ask('/login/x')], [200, 429, 429]);
    assert.deepEqual([await ask('/%6cogin'), await ask('/x/../login')], [400, 400]);
    assert.deepEqual([await ask('/'), await ask('/'), await ask('/')], [200, 200, 429]);
    balancer.reconfigure({ timeout: '5s' });
    assert.deepEqual([await ask('/login'), await ask('/')], [429, 429]);
    balancer.reconfigure({ rateLimit: { rate: undefined } });
    assert.deepEqual([await ask('/login'), await ask('/')], [429, 200]);
  },
  {
    options: {
      rateLimit: { rate: '2/h', burst: 2 },
      routes: [{ path: '/login', rateLimit: { rate: '1/h' } }],
    },
  },
);

wire(
  'middleware sees the 429 as an answer; own routes are not limited',
  async ({ client, origin }) => {
    origin.onCall = (call) => call.answer(200);
    client.send(get('/'));
    await client.response(200);
    client.send(get('/'));
    const refused = await client.response(429);
    assert.equal(refused.head.field('x-seen'), '429');
    assert.equal(refused.head.field('retry-after'), '3600');
    client.send(get('/own') + head('GET /own HTTP/1.1', 'Host: a.example'));
    await client.response(200, 'own');
    await client.response(200, 'own');
  },
  {
    options: { rateLimit: { rate: '1/h' } },
    setup: (balancer) => {
      balancer.get('/own', (c) => c.text('own'));
      balancer.use(async (c, next) => {
        await next();
        c.header('X-Seen', String(c.res.status));
      });
    },
  },
);

for (const [what, key] of [
  [
    'throws',
    () => {
      throw new Error('no key');
    },
  ],
  ['rejects', async () => Promise.reject(new Error('no key'))],
] as const) {
  const problems: string[] = [];
  wire(
    `a function that is to tell clients apart and ${what} costs no request: it is reported once, and addresses tell them apart`,
    async ({ client, origin }) => {
      origin.onCall = (call) => call.answer(200);
      const statuses = [];
      for (let i = 0; i < 3; i++) statuses.push((await client.send(get('/')).response()).status);
      assert.deepEqual(statuses, [200, 200, 429]);
      assert.equal(problems.length, 1);
      assert.match(problems[0]!, /rateLimit\.key/);
    },
    {
      options: { rateLimit: { rate: '2/h', burst: 2, key: key as () => string } },
      setup: (balancer) => balancer.events.on('problem', (message) => problems.push(message)),
    },
  );
}
