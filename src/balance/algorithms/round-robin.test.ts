import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { indexed, request, SEED, tally } from '../fixtures.test.js';
import { RoundRobin } from './round-robin.js';

const any = request();

function start(weights: readonly number[]) {
  const endpoints = indexed(weights);
  const algorithm = new RoundRobin();
  algorithm.onEndpoints(endpoints);
  const picks = (count: number, from = endpoints) =>
    Array.from({ length: count }, () => algorithm.pick(from, any)!.id).join('');
  return { endpoints, algorithm, picks };
}

test('equal weights give the plain cycle', () => {
  assert.equal(start([1, 1, 1]).picks(9), 'abcabcabc');
  assert.equal(start([0.5, 0.5, 0.5, 0.5]).picks(400), 'abcd'.repeat(100));
});

test('weights 5, 1, 1 are spread and not in a row', () => {
  assert.equal(start([5, 1, 1]).picks(14), 'aabacaaaabacaa');
});

test('every stretch as long as the sum of the weights has each endpoint exactly as often as its weight says', () => {
  const weightLists = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(weightLists, (weights) => {
      const { endpoints, algorithm } = start(weights);
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      for (let round = 0; round < 3; round++) {
        const counts = tally(total, () => algorithm.pick(endpoints, any));
        assert.deepEqual(
          endpoints.map(({ id }) => counts[id]),
          weights,
        );
      }
    }),
    { seed: SEED },
  );
});

test('at no moment is any endpoint further than one turn from its share', () => {
  const weightLists = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 6 });
  fc.assert(
    fc.property(weightLists, (weights) => {
      const { endpoints, algorithm } = start(weights);
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      const counts = new Map(endpoints.map((endpoint) => [endpoint.id, 0]));
      for (let n = 1; n <= total; n++) {
        const { id } = algorithm.pick(endpoints, any)!;
        counts.set(id, counts.get(id)! + 1);
        for (const endpoint of endpoints) {
          // Smooth weighted round-robin is not the tightest schedule; its bound grows a little with the number of endpoints.
          assert.ok(Math.abs(counts.get(endpoint.id)! - (n * endpoint.weight) / total) < 1 + endpoints.length / 4);
        }
      }
    }),
    { seed: SEED },
  );
});

test('those left out lose no turn to others when they are back, and a changed weight counts at once', () => {
  const { endpoints, picks } = start([1, 1, 1]);
  const [a, b, c] = endpoints as [(typeof endpoints)[0], (typeof endpoints)[0], (typeof endpoints)[0]];
  assert.equal(picks(3), 'abc');
  assert.equal(picks(4, [a, c]), 'acac');
  assert.equal(picks(3, [a, b, c]), 'abc');
  a.weight = 2;
  assert.equal(picks(4).replaceAll(/[^a]/g, ''), 'aa');
});

test('an endpoint that takes the index of one that has gone does not inherit its credit', () => {
  const { endpoints, algorithm, picks } = start([1, 1, 100]);
  picks(2);
  const next = indexed([1, 1, 1]);
  const set = [endpoints[0]!, endpoints[1]!, next[2]!];
  algorithm.onEndpoints(set);
  const counts = tally(30, () => algorithm.pick(set, any));
  assert.ok(Math.abs(counts.c! - 10) <= 2, JSON.stringify(counts));
});

test('after weights have shrunk, or the heaviest has left, the others have their shares at once', () => {
  const shrunk = start([100, 100, 100]);
  shrunk.picks(2);
  for (const endpoint of shrunk.endpoints) endpoint.weight = 1;
  assertEven(shrunk.picks(30));
  const left = start([100, 1, 1, 1]);
  left.picks(51);
  assertEven(left.picks(30, left.endpoints.slice(1)));
});

test('whatever has come before, all shares are exact again after a few turns', () => {
  const weights = fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 2, maxLength: 8 });
  fc.assert(
    fc.property(weights, weights, (before, after) => {
      const { endpoints, algorithm } = start(before.length > after.length ? before.slice(0, after.length) : before);
      for (let n = 0; n < 100; n++) algorithm.pick(endpoints, any);
      for (const [i, endpoint] of endpoints.entries()) endpoint.weight = after[i]!;
      const total = endpoints.reduce((sum, { weight }) => sum + weight, 0);
      for (let turn = 0; turn < 10; turn++) {
        const counts = tally(total, () => algorithm.pick(endpoints, any));
        for (const { id, weight } of endpoints)
          assert.ok(Math.abs((counts[id] ?? 0) - weight) <= (turn < 9 ? 3 : 0), `${id} in turn ${turn}`);
      }
    }),
    { seed: SEED, numRuns: 50 },
  );
});

/** Thirty picks of three, within the two turns that may be owed. */
function assertEven(picked: string): void {
  const counts = [...new Set(picked)].map((id) => picked.split(id).length - 1);
  assert.ok(counts.length === 3 && counts.every((count) => Math.abs(count - 10) <= 3), picked);
}
