import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertShare, FAILED, indexed, outcome, request, tally, TestSources } from '../fixtures.test.js';
import type { Endpoint } from '../endpoint.js';
import { LeastLatency } from './least-latency.js';

const any = request();

function start(count: number) {
  const sources = new TestSources();
  const endpoints = indexed(Array.from({ length: count }, () => 1));
  const algorithm = new LeastLatency(sources);
  algorithm.onEndpoints(endpoints);
  const sample = (i: number, firstByte: number) => algorithm.onResult(endpoints[i]!, outcome({ firstByte }));
  const cost = (i: number) => algorithm.costOf(endpoints[i]!, sources.time);
  const picks = (n: number) => Array.from({ length: n }, () => algorithm.pick(endpoints, any)!.id).join('');
  return { sources, endpoints, algorithm, sample, cost, picks };
}

const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-9 * Math.max(1, expected), `${actual} is not ${expected}`);

test('a slower answer counts in full at once, a faster one by the time since the last', () => {
  const { sources, sample, cost } = start(1);
  sample(0, 10);
  assert.equal(cost(0), 10);
  sources.time = 500;
  sample(0, 200);
  assert.equal(cost(0), 200);
  sources.time = 1500;
  sample(0, 10);
  const kept = Math.exp(-0.1);
  near(cost(0), 200 * kept + 10 * (1 - kept));
});

test('a cost that nothing renews decays, so an endpoint that was avoided is tried again', () => {
  const { sources, sample, cost, picks, algorithm, endpoints } = start(2);
  sample(0, 2000);
  sample(1, 10);
  assert.equal(picks(5), 'bbbbb');
  sources.time = 10_000;
  near(cost(0), 2000 / Math.E);
  // `b` is used all the time and keeps its 10 ms; `a` is below that after 10 s · ln 200 = 53 s.
  let tried = 0;
  for (; sources.time < 100_000 && tried === 0; sources.time += 100) {
    if (algorithm.pick(endpoints, any) === endpoints[0]) tried = sources.time;
    sample(1, 10);
  }
  assert.ok(tried > 50_000 && tried < 56_000, String(tried));
});

test('the load is the cost times one more than what is in flight, for its weight', () => {
  const { endpoints, sample, picks } = start(2);
  sample(0, 10);
  sample(1, 25);
  endpoints[0]!.inFlight = 1;
  assert.equal(picks(1), 'a');
  endpoints[0]!.inFlight = 2;
  assert.equal(picks(1), 'b');
  endpoints[0]!.weight = 2;
  assert.equal(picks(1), 'a');
});

test('an endpoint that owes an answer is not faster than it has been silent', () => {
  const { sources, endpoints, sample, picks } = start(2);
  const [a] = endpoints as [Endpoint, Endpoint];
  sample(0, 1);
  sample(1, 30);
  a.inFlight = 2;
  a.expectAnswer(0);
  a.expectAnswer(5);
  sources.time = 9;
  assert.equal(picks(1), 'a', '9 ms, 3 requests');
  sources.time = 11;
  assert.equal(picks(1), 'b', '11 ms, 3 requests');
  a.onAnswer(11);
  a.inFlight = 1;
  assert.equal(picks(1), 'a', 'it lives');
  sources.time = 40;
  assert.equal(picks(1), 'b', 'silent again');
  a.forgoAnswer();
  assert.equal(picks(1), 'a', 'it owes nothing');
});

test('failures, 5xx and 429 count as a penalty of 5 s or as Retry-After says, and never lower the cost', () => {
  const { algorithm, endpoints, sample, cost } = start(4);
  for (let i = 0; i < 4; i++) sample(i, 10);
  algorithm.onResult(endpoints[0]!, FAILED);
  algorithm.onResult(endpoints[1]!, outcome({ status: 503, firstByte: 1, retryAfter: 20 }));
  algorithm.onResult(endpoints[2]!, outcome({ status: 429, firstByte: 1 }));
  assert.deepEqual([cost(0), cost(1), cost(2)], [5000, 20_000, 5000]);
  algorithm.onResult(endpoints[1]!, outcome({ status: 500, firstByte: 1 }));
  assert.equal(cost(1), 20_000);
  // "Try again at once" makes no bad answer a good one.
  algorithm.onResult(endpoints[3]!, outcome({ status: 503, firstByte: 1, retryAfter: 0 }));
  assert.equal(cost(3), 5000);
});

test('an answer of the fours says how fast the endpoint is as well as any', () => {
  const { algorithm, endpoints, sample, cost } = start(4);
  sample(3, 10);
  algorithm.onResult(endpoints[3]!, outcome({ status: 404, firstByte: 10 }));
  assert.equal(cost(3), 10);
});

test('tunnels and event streams are no samples; an answer the client did not wait for took at least that long', () => {
  const { algorithm, endpoints, sample, cost } = start(1);
  sample(0, 10);
  algorithm.onResult(endpoints[0]!, outcome({ firstByte: 900, longLived: true }));
  assert.equal(cost(0), 10);
  algorithm.onResult(endpoints[0]!, outcome({ status: 0, firstByte: -1, waited: 4 }));
  assert.equal(cost(0), 10);
  algorithm.onResult(endpoints[0]!, outcome({ status: 0, firstByte: -1, waited: 1000 }));
  assert.equal(cost(0), 1000);
});

test('a new endpoint begins at the median of the others, and what they know is kept', () => {
  const { algorithm, endpoints, sample } = start(3);
  sample(0, 10);
  sample(1, 40);
  sample(2, 900);
  const joined = [...endpoints, indexed([1, 1, 1, 1])[3]!];
  algorithm.onEndpoints(joined);
  assert.deepEqual(
    joined.map((endpoint) => algorithm.costOf(endpoint, 0)),
    [10, 40, 900, 40],
  );
  const replaced = [indexed([1])[0]!, ...endpoints.slice(1)];
  algorithm.onEndpoints(replaced);
  assert.equal(algorithm.costOf(replaced[0]!, 0), 470);
});

test('without any sample, equals take turns and in-flight counts decide', () => {
  const { endpoints, picks } = start(4);
  assert.equal(picks(8), 'abcdabcd');
  endpoints[0]!.inFlight = 1;
  assert.ok(!picks(8).includes('a'));
});

test('up to eight candidates all are compared, above that the better of two random ones', () => {
  const eight = start(8);
  for (let i = 0; i < 8; i++) eight.sample(i, 80 - i);
  assert.equal(eight.picks(5), 'hhhhh');
  const { algorithm, endpoints, sample } = start(10);
  for (let i = 0; i < 10; i++) sample(i, 10 + i);
  const counts = tally(100_000, () => algorithm.pick(endpoints, any));
  // 45 pairs: the k-th fastest wins all but those with faster ones.
  for (const [i, { id }] of endpoints.entries()) assertShare(counts[id], 100_000, (9 - i) / 45);
});

test('a weight counts among any number of candidates', () => {
  for (const count of [8, 10]) {
    const { algorithm, endpoints, sample } = start(count);
    for (let i = 0; i < count; i++) sample(i, 10);
    endpoints[0]!.weight = count;
    // Forty requests are in progress all the time, and each takes as long as the others.
    const busy: Endpoint[] = [];
    const counts = tally(10_000, () => {
      if (busy.length === 40) busy.shift()!.inFlight--;
      const endpoint = algorithm.pick(endpoints, any) as Endpoint;
      endpoint.inFlight++;
      busy.push(endpoint);
      return endpoint;
    });
    // By weight it is half of all, and a little more since what has nothing in flight counts as if it had one.
    assert.ok(counts.a! > 4500 && counts.a! < 7000, `${counts.a} of ${count} endpoints`);
  }
});
