import assert from 'node:assert/strict';
import { get, post, response, wire, type Call, type Stage } from './harness.js';
import type { Client } from './harness/client.js';

/** Clients that have each had an answer, so that the balancer keeps as many idle connections to the endpoint. */
async function warmUp(stage: Stage, count: number): Promise<Client[]> {
  const { origin } = stage;
  const clients = Array.from({ length: count }, (_, i) => stage.connect().send(get(`/before/${i}`)));
  await origin.until('all requests', () => origin.calls.length === count || undefined);
  for (const call of origin.calls) call.answer(200);
  for (const client of clients) await client.response(200);
  origin.calls.length = 0;
  return clients;
}

for (const [what, request] of [
  ['GET', get('/it')],
  ['POST', post('/it', '')],
] as const) {
  wire(
    `what an endpoint says on an idle connection is no answer to a ${what} that is just about to leave by it`,
    async (stage) => {
      const [client] = (await warmUp(stage, 1)) as [Client];
      const { origin } = stage;
      // In this order the balancer hears of both, in one turn of its event loop.
      client.send(request);
      origin.peers[0]!.send(response(408, 'Nobody asked.'));
      (await origin.request(`${what} /it`)).answer(200, 'asked');
      await client.response(200, 'asked');
      assert.equal(origin.peers.length, 2);
    },
  );
}

wire(
  'an endpoint may close all its idle connections as requests come: each gets its answer by a new one',
  async (stage) => {
    const { origin, balancer } = stage;
    const clients = await warmUp(stage, 20);
    origin.onCall = (call) => call.answer(200);
    const idle = [...origin.peers];
    for (const client of clients) client.send(get('/it'));
    for (const peer of idle) peer.end();
    for (const client of clients) await client.response(200);
    assert.equal(balancer.endpoints.list()[0]!.failures, 0);
  },
);

wire('so it is with requests that cross with the closing on their way', async (stage) => {
  const { origin, balancer } = stage;
  const clients = await warmUp(stage, 20);
  const idle = new Set(origin.peers);
  origin.onCall = (call) => void (idle.has(call.peer) ? call.peer.end() : call.answer(200));
  for (const client of clients) client.send(get('/it'));
  for (const client of clients) await client.response(200);
  assert.equal(balancer.endpoints.list()[0]!.failures, 0);
});

wire(
  'when all but one endpoint are dead and that one is full, requests wait for it',
  async (stage) => {
    const { origins, balancer } = stage;
    const last = origins.at(-1)!;
    for (const origin of origins.slice(0, -1)) await origin.close();
    const calls: Call[] = [];
    last.onCall = (call) => void calls.push(call);
    const clients = Array.from({ length: 4 }, () => stage.connect().send(get('/')));
    for (let i = 0; i < clients.length; i++) {
      await last.until(`request ${i}`, () => calls[i]);
      assert.equal(calls.length, i + 1, 'never two at once');
      // All the others have failed as often as they may.
      await stage.until('the dead to have been tried', () => balancer.endpoints.list()[0]!.requests >= 3);
      calls[i]!.answer(200);
    }
    for (const client of clients) await client.response(200);
  },
  { origins: 3, options: { maxConcurrent: 1, health: { failures: 1000 } } },
);

wire(
  'with more dead endpoints than there may be retries, a request to which nobody has listened yet still finds the one that is alive',
  async (stage) => {
    const { origins, client } = stage;
    const last = origins.at(-1)!;
    for (const origin of origins.slice(0, -1)) await origin.close();
    last.onCall = (call) => call.answer(200);
    client.send(get('/'));
    await client.response(200);
  },
  { origins: 7, options: { health: { failures: 1000 }, retries: { backoff: 1, maxBackoff: 1 } } },
);
