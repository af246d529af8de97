import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertShare, indexed, request, tally, TestSources } from '../fixtures.test.js';
import { draw, Random } from './random.js';

const by = (share: number) => ({ now: () => 0, random: () => share });

test('each endpoint is drawn as often as its weight says', () => {
  const endpoints = indexed([1, 2, 3, 4]);
  const algorithm = new Random(new TestSources());
  const counts = tally(100_000, () => algorithm.pick(endpoints, request()));
  for (const { id, weight } of endpoints) assertShare(counts[id], 100_000, weight / 10);
});

test('the draw splits [0, 1) exactly by weight, with or without one that is left out', () => {
  const endpoints = indexed([1, 2, 1]);
  const [a, b, c] = endpoints;
  const at = [0, 0.2499, 0.25, 0.7499, 0.75, 0.9999];
  assert.deepEqual(
    at.map((share) => draw(endpoints, null, by(share))),
    [a, a, b, b, c, c],
  );
  assert.deepEqual(
    [0, 0.499, 0.5, 0.999].map((share) => draw(endpoints, b!, by(share))),
    [a, a, c, c],
  );
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
