import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecentMap } from './recent-map.js';

test('it never holds more than its size, and always the last half of it', () => {
  const map = new RecentMap<number, number>(100);
  for (let i = 0; i < 1000; i++) {
    map.set(i, i * 2);
    assert.ok(map.size <= 100);
    for (let back = 0; back < 50 && back <= i; back++)
      if (back < 5 || i % 50 === 0) assert.equal(map.get(i - back), (i - back) * 2);
  }
  assert.equal(map.get(0), undefined);
});

test('what is asked for often enough stays, and a new value replaces the old', () => {
  const map = new RecentMap<string, number>(10);
  map.set('kept', 1);
  for (let i = 0; i < 100; i++) {
    map.set(`other ${i}`, i);
    if (i % 3 === 0) assert.equal(map.get('kept'), i > 50 ? 2 : 1);
    if (i === 50) map.set('kept', 2);
  }
});
