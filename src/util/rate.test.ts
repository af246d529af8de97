import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRate } from './rate.js';

test('a rate is a number per second, or per second, minute or hour', () => {
  assert.deepEqual(['100/s', '30/m', '1800/h', '0.5/s', 7].map(parseRate), [100, 0.5, 0.5, 0.5, 7]);
  for (const wrong of ['100', '5/d', '-1/s', '0/s', ' 5/s', '', 0, -1, NaN, Infinity, null, {}]) {
    assert.equal(parseRate(wrong), undefined);
  }
});
