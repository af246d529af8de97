import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Endpoint } from '../endpoint.js';
import { assertShare, indexed, request, tally, TestSources } from '../fixtures.test.js';
import { draw, drawTwo, Random } from './random.js';

const by = (share: number) => ({ now: () => 0, random: () => share });

test('each endpoint is drawn as often as its weight says', () => {
  const endpoints = indexed([1, 2, 3, 4]);
  const algorithm = new Random(new TestSources());
  const counts = tally(100_000, () => algorithm.pick(endpoints, request()));
  for (const { id, weight } of endpoints) assertShare(counts[id], 100_000, weight / 10);
});

test('the draw splits [0, 1) exactly by weight', () => {
  const endpoints = indexed([1, 2, 1]);
  const [a, b, c] = endpoints;
  assert.deepEqual(
    [0, 0.2499, 0.25, 0.7499, 0.75, 0.9999].map((share) => draw(endpoints, by(share))),
    [a, a, b, b, c, c],
  );
});

test('of two that are drawn the second is never the first, and drawn by weight as if that one were not there', () => {
  const endpoints = indexed([4, 1, 3]);
  const pairs = [0, 0.124, 0.126, 0.499, 0.5, 0.569, 0.572, 0.624, 0.625, 0.924, 0.926, 1 - 2 ** -53].map((share) => {
    const two: Endpoint[] = [];
    drawTwo(endpoints, by(share), two);
    return two.map(({ id }) => id).join('');
  });
  assert.deepEqual(pairs, ['ab', 'ab', 'ac', 'ac', 'ba', 'ba', 'bc', 'bc', 'ca', 'ca', 'cb', 'cb']);
  const sources = new TestSources();
  const counts = tally(100_000, () => {
    const two: Endpoint[] = [];
    drawTwo(endpoints, sources, two);
    return { id: two.map(({ id }) => id).join('') };
  });
  for (const one of endpoints) {
    for (const other of endpoints) {
      if (one === other) continue;
      assertShare(counts[one.id + other.id], 100_000, ((one.weight / 8) * other.weight) / (8 - one.weight));
    }
  }
});

test('the same seed gives the same random numbers, evenly between 0 and 1', () => {
  const one = new TestSources(5);
  const other = new TestSources(5);
  let sum = 0;
  for (let i = 0; i < 10_000; i++) {
    const number = one.random();
    assert.equal(number, other.random());
    assert.ok(number >= 0 && number < 1);
    sum += number;
  }
  assert.ok(Math.abs(sum / 10_000 - 0.5) < 0.02);
});
