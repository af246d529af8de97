import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Verdict } from './active.js';

/** `+` passed, `-` failed; gives the verdict after each. */
function play(good: boolean | undefined, results: string): string {
  const verdict = new Verdict(good);
  return Array.from(results, (result) => {
    const before = verdict.good;
    const changed = verdict.hear(result === '+', { rise: 2, fall: 3 });
    assert.equal(changed, verdict.good !== before);
    return verdict.good === true ? '+' : '-';
  }).join('');
}

test('so many results in a row change the verdict, one between begins anew; the first of all decides', () => {
  assert.equal(play(true, '--+---+-++-'), '+++++----++');
  assert.equal(play(undefined, '+--+'), '++++');
  assert.equal(play(undefined, '-+-++'), '----+');
});
