import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Autoscaler } from './autoscaler.js';

/** Plays seconds at a utilization each, and gives when the number changed: `['10 s: 3', …]`. */
function play(min: number, max: number, count: number, course: readonly (readonly [seconds: number, busy: number])[]) {
  const autoscaler = new Autoscaler({ min, max });
  const changes: string[] = [];
  let second = 0;
  for (const [seconds, busy] of course) {
    for (const end = second + seconds; second < end; second++) {
      const wanted = autoscaler.decide(second * 1000, busy, count);
      if (wanted === count) continue;
      count = wanted;
      changes.push(`${second} s: ${count}`);
      autoscaler.restart(second * 1000);
    }
  }
  return changes;
}

test('one worker more for each time that all were busy for 10 s, with 20 s in between, up to the most', () => {
  assert.deepEqual(play(1, 4, 2, [[90, 0.9]]), ['10 s: 3', '30 s: 4']);
});

test('one worker less for each time that all were idle for 60 s, down to the least', () => {
  assert.deepEqual(play(2, 8, 4, [[300, 0.1]]), ['60 s: 3', '121 s: 2']);
});

test('a moment of quiet starts the count anew, and what is neither busy nor idle changes nothing', () => {
  const busy = [
    [9, 0.9],
    [1, 0.5],
    [9, 0.9],
    [100, 0.5],
    [59, 0.1],
    [1, 0.3],
    [59, 0.1],
  ] as const;
  assert.deepEqual(play(1, 8, 2, busy), []);
});
