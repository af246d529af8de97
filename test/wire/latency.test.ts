import assert from 'node:assert/strict';
import type { EndpointView, Outcome } from 'node-multiserver';
import { get, head, pause, wire } from './harness.js';

const UPLOAD = 400;
const outcomes: Outcome[] = [];
/** Whether the endpoint owed an answer, at each choice. */
const owing: boolean[] = [];
const recording = {
  pick([endpoint]: readonly EndpointView[]): EndpointView | undefined {
    owing.push(endpoint!.silentSince !== Infinity);
    return endpoint;
  },
  onResult(_: EndpointView, outcome: Outcome): void {
    outcomes.push({ ...outcome });
  },
};

wire(
  "an answer is due from its request's end: a client that sends slowly makes no endpoint slow",
  async (stage) => {
    const { client, origin } = stage;
    client.send(head('POST / HTTP/1.1', 'Host: a.example', 'Content-Length: 8'), 'half');
    const slow = await origin.head();
    await pause(UPLOAD);
    const other = stage.connect();
    other.send(get('/other'));
    const quick = await origin.head();
    client.send('half');
    await slow.whole('halfhalf');
    const third = stage.connect();
    third.send(get('/third'));
    const last = await origin.head();
    for (const [call, from] of [
      [slow, client],
      [quick, other],
      [last, third],
    ] as const) {
      call.answer(200, 'well');
      await from.response(200, 'well');
    }
    assert.deepEqual(owing, [false, false, true]);
    assert.equal(outcomes.length, 3);
    for (const { firstByte } of outcomes) assert.ok(firstByte >= 0, String(firstByte));
    // As long as the two others lasted, that is, and the upload before them.
    assert.ok(outcomes[0]!.firstByte < outcomes[1]!.firstByte + UPLOAD / 2, JSON.stringify(outcomes));
  },
  { options: { algorithm: recording } },
);

wire(
  'an answer before its request is whole is no sample of latency, nor is a client that leaves before',
  async (stage) => {
    outcomes.length = 0;
    const { client, origin } = stage;
    client.send(head('POST / HTTP/1.1', 'Host: a.example', 'Content-Length: 8'), 'half');
    const early = await origin.head();
    early.answer(403, 'not you');
    await client.response(403, 'not you');
    const other = stage.connect();
    other.send(head('POST / HTTP/1.1', 'Host: a.example', 'Content-Length: 8'), 'half');
    await origin.head();
    other.close();
    await stage.until('both to have ended', () => outcomes.length === 2);
    assert.deepEqual(
      outcomes.map(({ status, firstByte, waited }) => [status, firstByte, waited]),
      [
        [403, -1, 0],
        [0, -1, 0],
      ],
    );
  },
  { options: { algorithm: recording } },
);
