import assert from 'node:assert/strict';
import type { LoadBalancer } from 'node-multiserver';
import { type Call, get, type Stage, wire } from './harness.js';

const often = { path: '/healthz', interval: 30, timeout: 5000 };
const isCheck = (call: Call): boolean => call.target === '/healthz';

/** Every origin answers requests with its name, and checks as `health` says; `null`: never. */
function play({ origins }: Stage, health: Map<string, number | null>): void {
  for (const { name } of origins) health.set(name, 200);
  for (const origin of origins) {
    origin.onCall = (call) => {
      const status = isCheck(call) ? health.get(origin.name)! : 200;
      if (status !== null) call.answer(status, isCheck(call) ? 'I am well' : origin.name);
    };
  }
}

const stateOf = (balancer: LoadBalancer, url: string): string | undefined => balancer.endpoints.find(url)?.state;

wire(
  'an endpoint whose check fails often enough gets no requests until it passes often enough; each change is told with its reason',
  async (stage) => {
    const { balancer, client, origins } = stage;
    const [first, second] = origins as [(typeof origins)[0], (typeof origins)[0]];
    const told: string[] = [];
    balancer.events.on('change', ({ url }, { from, to, reason }) => {
      if (url === second.url) told.push(`${from} → ${to}: ${reason}`);
    });
    const health = new Map<string, number | null>();
    play(stage, health);
    balancer.reconfigure({ healthCheck: often });
    health.set('origin2', 500);
    await stage.until('the ill one to be out', () => stateOf(balancer, second.url) === 'ejected');
    const before = second.calls.filter((call) => !isCheck(call)).length;
    for (let i = 0; i < 4; i++) {
      client.send(get('/'));
      await client.response(200, first.name);
    }
    assert.equal(second.calls.filter((call) => !isCheck(call)).length, before);
    const checked = second.calls.find(isCheck)!;
    assert.equal(checked.head.startLine, 'GET /healthz HTTP/1.1');
    assert.equal(checked.field('host'), second.url.slice('http://'.length));
    health.set('origin2', 204);
    await stage.until('it to be back', () => stateOf(balancer, second.url) === 'ready');
    client.send(get('/') + get('/'));
    const answers = [await client.response(200), await client.response(200)];
    assert.deepEqual(new Set(answers.map(({ body }) => body.text)), new Set(['origin', 'origin2']));
    assert.deepEqual(told, [
      'ready → ejected: its health check fails: status 500',
      'ejected → ready: its health check passes',
    ]);
    balancer.reconfigure({ healthCheck: { path: undefined } });
  },
  { origins: 2 },
);

wire(
  'a new endpoint gets its first request when its first check has passed, or when there is no other',
  async (stage) => {
    const { balancer, client, origins } = stage;
    const [first, second] = origins as [(typeof origins)[0], (typeof origins)[0]];
    const health = new Map<string, number | null>();
    play(stage, health);
    for (const { url } of origins) balancer.endpoints.remove(url);
    health.set('origin', null);
    health.set('origin2', null);
    balancer.reconfigure({ healthCheck: often });
    balancer.endpoints.add(first.url);
    assert.equal(stateOf(balancer, first.url), 'starting');
    client.send(get('/'));
    await client.response(200, 'origin');
    const [check] = await first.until('its check', () =>
      first.calls.some(isCheck) ? first.calls.filter(isCheck) : undefined,
    );
    check!.answer(200);
    await stage.until('it to be ready', () => stateOf(balancer, first.url) === 'ready');
    balancer.endpoints.add(second.url);
    for (let i = 0; i < 3; i++) {
      client.send(get('/'));
      await client.response(200, 'origin');
    }
    const [late] = await second.until('its check', () =>
      second.calls.some(isCheck) ? second.calls.filter(isCheck) : undefined,
    );
    late!.answer(200);
    await stage.until('it to be ready', () => stateOf(balancer, second.url) === 'ready');
    balancer.reconfigure({ healthCheck: { path: undefined } });
  },
  { origins: 2 },
);

wire(
  'one that has failed is not thought well of when it is taken out and in again, nor after maintenance',
  async (stage) => {
    const { balancer, origins } = stage;
    const [, second] = origins as [(typeof origins)[0], (typeof origins)[0]];
    const health = new Map<string, number | null>();
    play(stage, health);
    balancer.reconfigure({ healthCheck: { ...often, fall: 1, rise: 1000 } });
    health.set('origin2', 503);
    await stage.until('it to be out', () => stateOf(balancer, second.url) === 'ejected');
    health.set('origin2', 200);
    balancer.endpoints.remove(second.url);
    balancer.endpoints.add(second.url);
    assert.equal(stateOf(balancer, second.url), 'ejected');
    balancer.endpoints.maintenance(second.url);
    balancer.endpoints.resume(second.url);
    assert.equal(stateOf(balancer, second.url), 'ejected');
    balancer.reconfigure({ healthCheck: { path: undefined } });
    assert.equal(stateOf(balancer, second.url), 'ready');
  },
  { origins: 2 },
);

for (const [what, options, answer] of [
  ['a status that is not among those named', { status: [204] }, (call: Call) => call.answer(200)],
  ['a body without the text', { body: 'all is well' }, (call: Call) => call.answer(200, 'I am ill')],
  ['no answer in time', { timeout: 50 }, () => {}],
  ['a connection that is closed', {}, (call: Call) => call.peer.close()],
  ['an answer that is no HTTP', {}, (call: Call) => call.send('hello\r\n\r\n')],
] as const) {
  wire(
    `a check fails by ${what}`,
    async (stage) => {
      const { balancer, origin } = stage;
      origin.onCall = answer;
      balancer.reconfigure({ healthCheck: { ...often, fall: 1, ...options } });
      await stage.until('it to be out', () => stateOf(balancer, origin.url) === 'ejected');
      origin.onCall = (call) =>
        call.answer(options === undefined || !('status' in options) ? 200 : 204, 'so far all is well here');
      await stage.until('it to be back', () => stateOf(balancer, origin.url) === 'ready');
      balancer.reconfigure({ healthCheck: { path: undefined } });
    },
    {},
  );
}

wire('a check fails by a refused connection; when all fail, all get requests', async (stage) => {
  const { balancer, client, origin } = stage;
  const { port } = origin;
  origin.onCall = (call) => call.answer(500);
  balancer.reconfigure({ healthCheck: { ...often, fall: 1 } });
  await stage.until('it to be out', () => stateOf(balancer, origin.url) === 'ejected');
  client.send(get('/'));
  await client.response(500);
  const { url } = origin;
  await origin.close();
  await origin.listen({ host: '127.0.0.1', port });
  origin.onCall = (call) => call.answer(200);
  await stage.until('it to be back', () => stateOf(balancer, url) === 'ready');
  balancer.reconfigure({ healthCheck: { path: undefined } });
});

wire('another interval counts at once, and not only when the old one has passed', async (stage) => {
  const { balancer, origin } = stage;
  const health = new Map<string, number | null>();
  play(stage, health);
  const seldom = { ...often, interval: '1h' } as const;
  const checks = () => origin.calls.filter(isCheck).length;
  balancer.reconfigure({ healthCheck: seldom });
  await stage.until('the first check', () => checks() === 1);
  balancer.reconfigure({ healthCheck: { ...seldom, rise: 3 } });
  balancer.reconfigure({ healthCheck: often });
  await stage.until('checks at the new interval', () => checks() >= 3);
  balancer.reconfigure({ healthCheck: { path: undefined } });
});
