import assert from 'node:assert/strict';
import { it } from 'node:test';
import { closest } from './closest.js';

const NAMES = ['timeout', 'connectTimeout', 'maxFields', 'queue'];

it('the closest name is found through a missing, wrong, additional or swapped letter, and a wrong case', () => {
  for (const slip of ['timout', 'timeaut', 'timeoutt', 'tiemout', 'TimeOut'])
    assert.equal(closest(slip, NAMES), 'timeout');
});

it('nothing is suggested for a name unlike any other', () => {
  assert.equal(closest('colour', NAMES), undefined);
  assert.equal(closest('', NAMES), undefined);
});
