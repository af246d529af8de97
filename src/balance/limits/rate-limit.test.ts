import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SEED } from '../fixtures.test.js';
import { RateLimit } from './rate-limit.js';

function start(rate: number, burst: number, keys?: number) {
  const clock = { now: 0 };
  const limit = new RateLimit({ rate, burst, ...(keys === undefined ? {} : { keys }) }, () => clock.now);
  return { clock, limit };
}

test('a burst passes at once, then one for each token that has come back; the wait is told', () => {
  const { clock, limit } = start(10, 3);
  assert.deepEqual(
    [1, 2, 3].map(() => limit.take('a')),
    [0, 0, 0],
  );
  assert.ok(Math.abs(limit.take('a') - 100) < 0.001);
  assert.equal(limit.take('b'), 0);
  clock.now = 99;
  assert.ok(Math.abs(limit.take('a') - 1) < 0.001);
  clock.now = 100;
  assert.equal(limit.take('a'), 0);
  assert.ok(limit.take('a') > 0);
  clock.now = 100_000;
  assert.deepEqual(
    [1, 2, 3, 4].map(() => limit.take('a') === 0),
    [true, true, true, false],
  );
});

test('it is exact: the same as a bucket that is filled and emptied', () => {
  const arrivals = fc.array(fc.nat(300), { maxLength: 300 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 50 }), arrivals, (rate, burst, gaps) => {
      const { clock, limit } = start(rate, burst);
      // In thousandths of a token, so that the reference has no rounding at all.
      let tokens = burst * 1000;
      for (const gap of gaps) {
        clock.now += gap;
        tokens = Math.min(burst * 1000, tokens + gap * rate);
        const passes = tokens >= 1000;
        if (passes) tokens -= 1000;
        assert.equal(limit.take('key') === 0, passes);
      }
    }),
    { seed: SEED },
  );
});

test('with a hundred thousand keys at once each gets its tokens, to the last one', () => {
  const { clock, limit } = start(1, 2);
  let passed = 0;
  for (let round = 0; round < 6; round++) {
    clock.now = round * 500;
    for (let key = 0; key < 100_000; key++) if (limit.take(`client ${key}`) === 0) passed++;
  }
  // Two at once and two more in 2.5 s.
  assert.equal(passed, 400_000);
});

test('memory is bounded: a flood of keys lets others be forgotten, no more', () => {
  const { limit } = start(1, 1, 1000);
  assert.equal(limit.take('a'), 0);
  for (let key = 0; key < 100_000; key++) limit.take(String(key));
  assert.equal(limit.take('a'), 0);
});
