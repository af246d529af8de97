import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backoffDelay } from './backoff.js';

const longest = (crashes: number) => backoffDelay(crashes, () => 1);

test('the longest wait doubles from 100 ms to 15 s, and any wait up to it is as likely', () => {
  assert.deepEqual([1, 2, 3, 8, 9, 1000].map(longest), [100, 200, 400, 12_800, 15_000, 15_000]);
  assert.deepEqual(
    [1, 5].map((crashes) => backoffDelay(crashes, () => 0)),
    [0, 0],
  );
  assert.equal(
    backoffDelay(2, () => 0.5),
    100,
  );
});
