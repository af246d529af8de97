import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RetryBudget } from './retry-budget.js';

const options = { budget: 0.2, min: 3, backoff: 25, maxBackoff: 250 };

test('no more than a fifth of the requests in progress are retries, but three always may be', () => {
  for (const [active, allowed] of [
    [0, 3],
    [10, 3],
    [19, 3],
    [20, 4],
    [24, 4],
    [100, 20],
  ] as const) {
    const budget = new RetryBudget(options);
    let begun = 0;
    while (budget.tryBegin(active)) begun++;
    assert.equal(begun, allowed, `${active} active`);
    budget.end();
    assert.ok(budget.tryBegin(active));
    assert.ok(!budget.tryBegin(active));
  }
});

test('the wait is anything up to 25 ms, doubled with each retry, and never more than 250 ms', () => {
  const budget = new RetryBudget(options);
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6, 50, 5000].map((attempt) => budget.delay(attempt, 1)),
    [25, 50, 100, 200, 250, 250, 250, 250],
  );
  assert.equal(budget.delay(3, 0), 0);
  assert.equal(budget.delay(3, 0.5), 50);
  assert.deepEqual(
    [0, 0.5, 1].map((random) => budget.pause(random)),
    [125, 187.5, 250],
    'who was refused',
  );
});
