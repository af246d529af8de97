import assert from 'node:assert/strict';
import { test } from 'node:test';
import { now, runClock, stopClock } from './clock.js';

test('the clock stands between stop and run, and has lost nothing afterwards', () => {
  const before = performance.now();
  stopClock();
  const still = now();
  while (performance.now() < still + 2);
  assert.equal(now(), still);
  assert.ok(still >= before);
  runClock();
  assert.ok(now() >= still + 2);
});
