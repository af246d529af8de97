import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RANDOM } from '../algorithms/random.js';
import { type Endpoint, READY } from '../endpoint.js';
import { assertShare, endpointsOf, poolOf, request, tally } from '../fixtures.test.js';

test('weight and limit of an endpoint that joins grow from a tenth to the whole', () => {
  const { pool, sources } = poolOf([1], { slowStart: 10_000, maxConcurrent: 50 });
  const late = endpointsOf([1, 2])[1]!;
  sources.time = 10_000;
  pool.add(late, READY);
  const seen: [number, number][] = [];
  for (const time of [0, 2500, 5000, 9000, 10_000, 20_000]) {
    sources.time = 10_000 + time;
    pool.pick(request(), null);
    seen.push([Number(late.weight.toFixed(3)), late.limit]);
  }
  assert.deepEqual(seen, [
    [0.2, 5],
    [0.65, 17],
    [1.1, 28],
    [1.82, 46],
    [2, 50],
    [2, 50],
  ]);
});

test('when slowStart is changed meanwhile, the weight grows on from where it is, faster or slower', () => {
  const { pool, sources } = poolOf([1], { slowStart: 10_000 });
  const late = endpointsOf([1, 1])[1]!;
  sources.time = 10_000;
  pool.add(late, READY);
  const after = (time: number) => {
    sources.time += time;
    pool.advance();
    return Number(late.weight.toFixed(3));
  };
  assert.equal(after(5000), 0.55);
  pool.configure({ slowStart: 60_000 });
  assert.deepEqual([after(0), after(15_000), after(3000)], [0.55, 0.775, 0.82]);
  pool.configure({ slowStart: 5000 });
  assert.deepEqual([after(0), after(500), after(500), after(100)], [0.82, 0.91, 1, 1]);
});

test('its traffic grows with its weight', () => {
  const { pool, sources } = poolOf([1, 1, 1], { slowStart: 10_000, algorithm: RANDOM });
  const late = endpointsOf([1, 1, 1, 1])[3]!;
  sources.time = 10_000;
  pool.add(late, READY);
  const first = tally(20_000, () => pool.pick(request(), null));
  assertShare(first.d, 20_000, 0.1 / 3.1);
  sources.time = 15_000;
  assertShare(tally(20_000, () => pool.pick(request(), null)).d, 20_000, 0.55 / 3.55);
});

test('a whole pool that starts together starts at once', () => {
  const { endpoints } = poolOf([1, 2, 3], { slowStart: 10_000 });
  assert.deepEqual(
    endpoints.map(({ weight }) => weight),
    [1, 2, 3],
  );
});

test('one that comes back after an ejection starts slowly too', () => {
  const { pool, endpoints, sources } = poolOf([1, 1, 1], { slowStart: 10_000 });
  const [a] = endpoints as [Endpoint];
  sources.time = 60_000;
  pool.advance();
  for (let i = 0; i < 5; i++) pool.begin(a);
  for (let i = 0; i < 5; i++)
    pool.finish(a, { status: 0, firstByte: -1, failed: true, longLived: false, retryAfter: -1 });
  sources.time = 90_000;
  pool.advance();
  assert.equal(a.state, 'ready');
  assert.ok(Math.abs(a.weight - 0.1) < 1e-9);
});
