import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertShare, indexed, request, tally, TestSources } from '../fixtures.test.js';
import { PowerOfTwo } from './power-of-two.js';

test('the busiest of N is never chosen, the k-th least busy with the probability of two draws', () => {
  const endpoints = indexed([1, 1, 1, 1, 1]);
  for (const [i, endpoint] of endpoints.entries()) endpoint.inFlight = i;
  const algorithm = new PowerOfTwo(new TestSources());
  const counts = tally(100_000, () => algorithm.pick(endpoints, request()));
  // Ten pairs: `a` wins the four it is in, `b` three, `c` two, `d` one.
  for (const [i, { id }] of endpoints.entries()) assertShare(counts[id], 100_000, (4 - i) / 10);
  assert.equal(counts.e, undefined);
});

test('two draws never give the same one, and one candidate is enough', () => {
  const endpoints = indexed([1, 1]);
  endpoints[0]!.inFlight = 1;
  const algorithm = new PowerOfTwo(new TestSources());
  assert.deepEqual(
    tally(1000, () => algorithm.pick(endpoints, request())),
    { b: 1000 },
  );
  assert.equal(algorithm.pick(endpoints.slice(0, 1), request()), endpoints[0]);
});

test('in-flight counts are compared for their weight', () => {
  const endpoints = indexed([4, 1]);
  endpoints[0]!.inFlight = 7;
  endpoints[1]!.inFlight = 2;
  const algorithm = new PowerOfTwo(new TestSources());
  assert.deepEqual(
    tally(100, () => algorithm.pick(endpoints, request())),
    { a: 100 },
  );
});
