import assert from 'node:assert/strict';
import { get, head, post, response, wire, type Stage } from './harness.js';

/** What the balancer counted, by error and by limit. */
function counted({ balancer }: Stage) {
  const { errors, limits } = balancer.status();
  return { errors, limits: Object.fromEntries(Object.entries(limits).filter(([, count]) => count > 0)) };
}

const NOTHING = { errors: {}, limits: {} };

interface RequestLimit {
  readonly limit: string;
  readonly options: object;
  /** A request that is `excess` over the limit. */
  readonly request: (excess: number) => string;
  readonly status: number;
  readonly code: string;
}

const padded = (size: number): string => {
  const bare = get('/', 'X-Fill: ').length;
  return get('/', `X-Fill: ${'f'.repeat(size - bare)}`);
};
const fields = (count: number): string[] => Array.from({ length: count }, (_, i) => `X-${i}: v`);
const CHUNKED = head('POST / HTTP/1.1', 'Host: a.example', 'Transfer-Encoding: chunked');

const REQUESTS: RequestLimit[] = [
  {
    limit: 'maxHeadSize',
    options: { maxHeadSize: 2000 },
    request: (excess) => padded(2000 + excess),
    status: 431,
    code: 'MS_HEAD_TOO_LARGE',
  },
  {
    limit: 'maxFields',
    options: { maxFields: 10 },
    request: (excess) => get('/', ...fields(9 + excess)),
    status: 431,
    code: 'MS_HEAD_TOO_LARGE',
  },
  {
    limit: 'maxTargetSize',
    options: { maxTargetSize: 100 },
    request: (excess) => get('/' + 'x'.repeat(99 + excess)),
    status: 414,
    code: 'MS_TARGET_TOO_LONG',
  },
  {
    limit: 'maxBodySize',
    options: { maxBodySize: 1000 },
    request: (excess) => post('/', 'x'.repeat(1000 + excess)),
    status: 413,
    code: 'MS_BODY_TOO_LARGE',
  },
  {
    limit: 'maxBodySize',
    options: { maxBodySize: 1000 },
    request: (excess) =>
      `${CHUNKED}200\r\n${'x'.repeat(512)}\r\n1e8\r\n${'x'.repeat(488)}\r\n${'1\r\nx\r\n'.repeat(Math.max(0, excess))}0\r\n\r\n`,
    status: 413,
    code: 'MS_BODY_TOO_LARGE',
  },
  {
    limit: 'maxFields',
    options: { maxFields: 10 },
    request: (excess) => `${CHUNKED}0\r\n${fields(10 + excess).join('\r\n')}\r\n\r\n`,
    status: 431,
    code: 'MS_HEAD_TOO_LARGE',
  },
];

for (const { limit, options, request, status, code } of REQUESTS) {
  const what = request(0).startsWith('GET') ? 'a head' : request(0).includes('chunked') ? 'a chunked body' : 'a body';
  wire(
    `${what} up to ${limit} passes; with one more it is answered with ${status}, counted, and the connection closed`,
    async (stage) => {
      const { client, origin } = stage;
      for (const excess of [-1, 0]) {
        client.send(request(excess));
        (await origin.request()).answer(200);
        await client.response(200);
      }
      assert.deepEqual(counted(stage), NOTHING);
      client.send(request(1));
      const refused = await client.response(status);
      assert.equal((JSON.parse(refused.body.text) as { code: string }).code, code);
      await client.expectClosed();
      assert.deepEqual(counted(stage), { errors: { [code]: 1 }, limits: { [limit]: 1 } });
    },
    { options },
  );
}

const answerOf = (size: number): string => {
  const bare = response(200, '', 'X-Fill: ').length;
  return response(200, '', `X-Fill: ${'f'.repeat(size - bare)}`);
};
const RESPONSES = [
  ['maxHeadSize', { maxHeadSize: 2000 }, (excess: number) => answerOf(2000 + excess)],
  ['maxFields', { maxFields: 10 }, (excess: number) => response(200, '', ...fields(9 + excess))],
] as const;

for (const [limit, options, answer] of RESPONSES) {
  wire(
    `the head of an answer up to ${limit} passes; with one more the client gets 502, counted, and that connection is thrown away`,
    async (stage) => {
      const { client, origin } = stage;
      for (const excess of [-1, 0]) {
        client.send(get('/'));
        (await origin.request()).send(answer(excess));
        await client.response(200);
      }
      assert.deepEqual(counted(stage), NOTHING);
      client.send(get('/'));
      const call = await origin.request();
      call.send(answer(1));
      await client.response(502);
      await call.peer.expectGone();
      assert.deepEqual(counted(stage), { errors: { MS_BAD_RESPONSE: 1 }, limits: { [limit]: 1 } });
    },
    { options },
  );
}

wire(
  'as many as maxConcurrentConnections are in progress and queue.size wait; one more is answered with 503, counted',
  async (stage) => {
    const { origin, balancer } = stage;
    const clients = Array.from({ length: 3 }, (_, i) => stage.connect().send(get(`/${i}`)));
    const [first] = [await origin.request(), await origin.request()];
    await stage.until('one to wait', () => balancer.status().queued === 1);
    assert.deepEqual(counted(stage), NOTHING);
    const refused = await stage.connect().send(get('/3')).response(503);
    assert.ok(Number(refused.head.field('retry-after')) >= 1);
    assert.deepEqual(counted(stage), { errors: { MS_QUEUE_FULL: 1 }, limits: { 'queue.size': 1 } });
    first.answer(200);
    (await origin.request()).answer(200);
    origin.calls.at(1)!.answer(200);
    for (const client of clients) await client.response(200);
  },
  { options: { maxConcurrentConnections: 2, queue: { size: 1 } } },
);
