import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Endpoint } from '../endpoint.js';
import { indexed, request, SEED } from '../fixtures.test.js';
import { LeastConnections } from './least-connections.js';

function start(weights: readonly number[]) {
  const endpoints = indexed(weights);
  const algorithm = new LeastConnections();
  algorithm.onEndpoints(endpoints);
  return { endpoints, pick: (from = endpoints) => algorithm.pick(from, request()) as Endpoint };
}

test('the endpoint with the fewest in flight is chosen, in a cycle among equals', () => {
  const { endpoints, pick } = start([1, 1, 1, 1]);
  endpoints[0]!.inFlight = 2;
  endpoints[2]!.inFlight = 2;
  assert.equal(Array.from({ length: 6 }, () => pick().id).join(''), 'bdbdbd');
  endpoints[1]!.inFlight = 3;
  endpoints[3]!.inFlight = 3;
  assert.equal(Array.from({ length: 4 }, () => pick().id).join(''), 'acac');
});

test('at rest, traffic follows the weights', () => {
  const { pick } = start([3, 1]);
  assert.equal(Array.from({ length: 8 }, () => pick().id).join(''), 'aabaaaba');
});

test('requests that do not end are spread exactly by weight', () => {
  const { endpoints, pick } = start([1, 2, 3]);
  for (let i = 0; i < 60; i++) pick().inFlight++;
  assert.deepEqual(
    endpoints.map(({ inFlight }) => inFlight),
    [10, 20, 30],
  );
});

test('no candidate has fewer in flight for its weight than the chosen one', () => {
  const entry = fc.record({ weight: fc.integer({ min: 1, max: 5 }), inFlight: fc.nat(20) });
  fc.assert(
    fc.property(fc.array(entry, { minLength: 1, maxLength: 40 }), (entries) => {
      const { endpoints, pick } = start(entries.map(({ weight }) => weight));
      for (const [i, endpoint] of endpoints.entries()) endpoint.inFlight = entries[i]!.inFlight;
      for (let n = 0; n < 5; n++) {
        const chosen = pick();
        assert.ok(
          endpoints.every((endpoint) => endpoint.inFlight / endpoint.weight >= chosen.inFlight / chosen.weight),
        );
        chosen.inFlight++;
      }
    }),
    { seed: SEED },
  );
});
