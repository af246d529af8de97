import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Seldom } from './seldom.js';

test('each thing is due at first, and again when the pause is over', () => {
  let now = 0;
  const seldom = new Seldom(60_000, () => now);
  const due = (key: string): boolean => seldom.isDue(key);
  assert.deepEqual([due('a'), due('a'), due('b')], [true, false, true]);
  now = 59_999;
  assert.equal(due('a'), false);
  now = 60_000;
  assert.deepEqual([due('a'), due('a')], [true, false]);
});
