import assert from 'node:assert/strict';
import { LEAST_LATENCY } from 'node-multiserver';
import { get, handshake, head, pause, post, type Stage, switching, wire } from './harness.js';

/** Requests of a session, in a revision of the Engine.IO protocol (https://socket.io/docs/v4/engine-io-protocol/). */
const target = (revision: 3 | 4, sid?: string, transport = 'polling'): string =>
  `/socket.io/?EIO=${revision}&transport=${transport}${sid === undefined ? '' : `&sid=${sid}`}`;
const OPENING = {
  3: '85:0{"sid":"S3","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}2:40',
  4: '0{"sid":"S4","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}',
};
const setting = { origins: 2 };

/** Opens a session at the first origin, and gives its id. */
async function open({ client, origin }: Stage, revision: 3 | 4 = 4): Promise<string> {
  client.send(get(target(revision)));
  (await origin.request()).answer(200, OPENING[revision]);
  await client.response(200, OPENING[revision]);
  return `S${revision}`;
}

for (const revision of [3, 4] as const) {
  wire(
    `all requests of an Engine.IO session go to the endpoint that opened it (revision ${revision}), and those of one that nobody opened anywhere`,
    async (stage) => {
      const { client, origins } = stage;
      const [home, other] = origins as [Stage['origin'], Stage['origin']];
      const sid = await open(stage, revision);
      for (let i = 0; i < 3; i++) {
        client.send(get(target(revision, sid)));
        (await home.request()).answer(200, '2');
        await client.response(200, '2');
        client.send(post(target(revision, sid), '3'));
        await (await home.request()).whole('3');
        home.calls.at(-1)!.answer(200, 'ok');
        await client.response(200, 'ok');
      }
      other.expectNothing();
      for (const origin of [other, home]) {
        client.send(get(target(revision, 'unknown')));
        (await origin.request()).answer(400, 'Session ID unknown');
        await client.response(400, 'Session ID unknown');
      }
      const upgraded = stage.connect().send(handshake(target(revision, sid, 'websocket')));
      const { peer } = await home.request();
      peer.send(switching);
      assert.equal((await upgraded.head()).status, 101);
      upgraded.close();
      peer.close();
    },
    setting,
  );

  wire(
    `when its endpoint is drained, an Engine.IO client (revision ${revision}) that waits is told that its session is closed`,
    async (stage) => {
      const { client, origin, balancer } = stage;
      const sid = await open(stage, revision);
      const closed = revision === 3 ? '1:1' : '1';
      client.send(get(target(revision, sid)));
      const poll = await origin.request();
      balancer.endpoints.drain(origin.url);
      assert.equal((await client.response(200, closed)).head.field('content-type'), 'text/plain; charset=UTF-8');
      await poll.peer.expectGone();
      poll.peer.close();
    },
    setting,
  );
}

wire(
  'of an Engine.IO client that does not wait while its endpoint is drained, messages are heard until its next poll ends the session',
  async (stage) => {
    const { client, origin, origins, balancer } = stage;
    const sid = await open(stage);
    balancer.endpoints.drain(origin.url);
    client.send(post(target(4, sid), '42["heard"]'));
    (await origin.request()).answer(200, 'ok');
    await client.response(200, 'ok');
    client.send(get(target(4, sid)));
    await client.response(200, '1');
    client.send(post(target(4, sid), '42["late"]'));
    await client.response(503);
    for (const { calls } of origins) assert.ok(!calls.some((call) => call.body.text.includes('late')));
  },
  setting,
);

wire(
  'when its endpoint is gone, a poll of an Engine.IO session closes it, and all else is answered by 503: no other endpoint hears of it',
  async (stage) => {
    const { client, origin, origins, balancer } = stage;
    const sid = await open(stage);
    balancer.endpoints.remove(origin.url);
    client.send(get(target(4, sid)));
    await client.response(200, '1');
    const speaker = stage.connect().send(post(target(4, sid), '42["lost"]'));
    assert.match((await speaker.response(503)).body.text, /MS_NO_ENDPOINT/);
    const upgrading = stage.connect().send(handshake(target(4, sid, 'websocket')));
    await upgrading.response(503);
    origins[1]!.expectNothing();
    // what a browser asks before it asks a server of another site is for any
    client.send(head(`OPTIONS ${target(4, sid)} HTTP/1.1`, 'Host: a.example'));
    (await origins[1]!.request()).answer(204);
    await client.response(204);
  },
  setting,
);

wire(
  'a poll that finds its connection to the endpoint closed is sent once more, to the same endpoint',
  async (stage) => {
    const { client, origin, origins } = stage;
    const sid = await open(stage);
    client.send(get(target(4, sid)));
    (await origin.request()).peer.close();
    (await origin.request()).answer(200, '2');
    await client.response(200, '2');
    origins[1]!.expectNothing();
  },
  setting,
);

wire(
  'an Engine.IO client whose endpoint is full is told that its session is closed, and opens another one where there is room',
  async (stage) => {
    const { client, origin, origins } = stage;
    const sid = await open(stage);
    client.send(get(target(4, sid)));
    const poll = await origin.request();
    const second = stage.connect().send(get(target(4, sid)));
    await second.response(200, '1');
    second.send(get(target(4)));
    (await origins[1]!.request()).answer(200, OPENING[4]);
    await second.response(200, OPENING[4]);
    poll.answer(200, '6');
    await client.response(200, '6');
  },
  { origins: 2, options: { maxConcurrent: 1 } },
);

wire(
  'how long a poll waits says nothing of how fast its endpoint is',
  async (stage) => {
    const { client, origin, origins } = stage;
    const sid = await open(stage);
    client.send(get(target(4, sid)));
    const poll = await origin.request();
    await pause(500);
    const clients = Array.from({ length: 20 }, () => stage.connect().send(get('/')));
    const calls = () => origins.flatMap((one) => one.calls.filter((call) => call.target === '/'));
    await stage.until('all requests to have come', () => calls().length === clients.length);
    assert.ok(origin.calls.length > 4, `${origin.calls.length} have come`);
    for (const call of [...calls(), poll]) call.answer(200);
    for (const one of [...clients, client]) await one.response(200);
  },
  { origins: 2, options: { algorithm: LEAST_LATENCY } },
);
