import assert from 'node:assert/strict';
import { get, pause, wire, type Call, type Stage } from './harness.js';
import type { Client } from './harness/client.js';

const codeOf = (text: string): string => (JSON.parse(text) as { code: string }).code;
const inside = ({ balancer }: Stage): number => balancer.status().queued + balancer.status().inFlight;

/** A client that asks for `target`, which is then at the endpoint or in the queue. */
async function ask(stage: Stage, target: string): Promise<Client> {
  const before = inside(stage);
  const client = stage.connect().send(get(target));
  await stage.until(`${target} to be let in or to wait`, () => inside(stage) === before + 1);
  return client;
}

wire(
  'with limit 10 and 100 slow requests, never more than 10 are at the endpoint, and they come in the order in which they were sent',
  async (stage) => {
    const { origin, balancer } = stage;
    const open: Call[] = [];
    let most = 0;
    origin.onCall = (call) => {
      most = Math.max(most, open.push(call));
    };
    const clients: Client[] = [];
    for (let i = 0; i < 100; i++) clients.push(await ask(stage, `/${i}`));
    assert.deepEqual([balancer.status().inFlight, balancer.status().queued], [10, 90]);
    for (let i = 0; i < 100; i++) {
      await origin.until(`request ${i}`, () => origin.calls[Math.min(i + 9, 99)]);
      // Not the first: who is done first makes room, whoever it is.
      const [call] = open.splice((i * 7) % open.length, 1);
      call!.answer(200, call!.target);
      await clients[Number(call!.target.slice(1))]!.response(200, call!.target);
    }
    assert.equal(most, 10);
    assert.deepEqual(
      origin.calls.map(({ target }) => target),
      clients.map((_, i) => `/${i}`),
    );
  },
  { options: { maxConcurrentConnections: 10, queue: { size: 100, timeout: '1h' } } },
);

for (const how of ['close', 'reset'] as const) {
  wire(
    `a client that leaves by ${how} is gone from the queue, and its request never reaches the endpoint`,
    async (stage) => {
      const { origin, balancer } = stage;
      const first = await ask(stage, '/first');
      const call = await origin.request('GET /first');
      const leaver = await ask(stage, '/leaver');
      const other = await ask(stage, '/other');
      leaver[how]();
      await stage.until('the leaver to be gone from the queue', () => balancer.status().queued === 1, 2000);
      call.answer(200);
      await first.response(200);
      (await origin.request('GET /other')).answer(200);
      await other.response(200);
      origin.expectNothing();
    },
    { options: { maxConcurrentConnections: 1 } },
  );
}

wire(
  'when the queue is full the next request is answered at once with 503 and Retry-After, and its connection goes on',
  async (stage) => {
    const { origin, balancer } = stage;
    const clients = [await ask(stage, '/0'), await ask(stage, '/1'), await ask(stage, '/2')];
    const late = stage.connect().send(get('/late'));
    const { head, body } = await late.response(503);
    assert.match(head.field('retry-after') ?? '', /^[1-9]\d*$/);
    assert.equal(codeOf(body.text), 'MS_QUEUE_FULL');
    assert.equal(balancer.status().queued, 2);
    for (const [i, client] of clients.entries()) {
      (await origin.request(`GET /${i}`)).answer(200);
      await client.response(200);
    }
    late.send(get('/again'));
    (await origin.request('GET /again')).answer(200);
    await late.response(200);
  },
  { options: { maxConcurrentConnections: 1, queue: { size: 2 } } },
);

wire(
  'who waits too long is answered with 503 and Retry-After, and does not reach the endpoint',
  async (stage) => {
    const { origin } = stage;
    const first = await ask(stage, '/first');
    const call = await origin.request();
    const second = stage.connect().send(get('/second'));
    const { head, body } = await second.response(503);
    assert.match(head.field('retry-after') ?? '', /^[1-9]\d*$/);
    assert.equal(codeOf(body.text), 'MS_QUEUE_TIMEOUT');
    call.answer(200);
    await first.response(200);
    origin.expectNothing();
    second.send(get('/again'));
    (await origin.request('GET /again')).answer(200);
    await second.response(200);
  },
  { options: { maxConcurrentConnections: 1, queue: { timeout: 200 } } },
);

wire(
  'the time in the queue counts for the time-out of the whole: 504, which is not held against an endpoint that had little of it',
  async (stage) => {
    const { origin, balancer } = stage;
    const first = await ask(stage, '/first');
    const call = await origin.request('GET /first');
    const second = await ask(stage, '/second');
    const waited = performance.now();
    await stage.until('most of the time to go by', () => performance.now() - waited > 600);
    call.answer(200);
    await first.response(200);
    const { body } = await second.response(504);
    assert.equal(codeOf(body.text), 'MS_TIMEOUT');
    assert.equal(balancer.endpoints.list()[0]!.failures, 0);
    assert.equal(origin.calls.length <= 2, true);
  },
  { options: { maxConcurrentConnections: 1, timeout: '1s', queue: { timeout: '10s' } } },
);

wire(
  'an endpoint that had the request for most of the time-out of the whole has failed',
  async ({ origin, client, balancer }) => {
    client.send(get('/'));
    await origin.request();
    const { body } = await client.response(504);
    assert.equal(codeOf(body.text), 'MS_TIMEOUT');
    assert.equal(balancer.endpoints.list()[0]!.failures, 1);
  },
  { options: { timeout: 300 } },
);

wire(
  'who follows a rule with a longer time-out may wait in the queue for longer than the pool would let the others',
  async (stage) => {
    const first = await ask(stage, '/long/1');
    const call = await stage.origin.request('GET /long/1');
    const second = await ask(stage, '/long/2');
    await pause(400);
    call.answer(200);
    await first.response(200);
    (await stage.origin.request('GET /long/2')).answer(200);
    await second.response(200);
  },
  { options: { maxConcurrentConnections: 1, timeout: 200, routes: [{ path: '/long', timeout: '1m' }] } },
);
