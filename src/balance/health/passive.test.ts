import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EJECTED, type Endpoint, READY } from '../endpoint.js';
import { FAILED, outcome, poolOf, request } from '../fixtures.test.js';
import type { Pool } from '../pool.js';

const any = request();

function fail(pool: Pool, endpoint: Endpoint, times = 5, result = FAILED): void {
  for (let i = 0; i < times; i++) {
    pool.begin(endpoint);
    pool.finish(endpoint, result);
  }
}

function succeed(pool: Pool, endpoint: Endpoint): void {
  pool.begin(endpoint);
  pool.finish(endpoint, outcome());
}

const states = (endpoints: readonly Endpoint[]) => endpoints.map(({ state }) => state[0]).join('');

test('five failures in a row eject an endpoint for 30 s, and one success in between does not', () => {
  const { pool, endpoints, changes, sources } = poolOf([1, 1, 1]);
  const [a] = endpoints as [Endpoint];
  fail(pool, a, 4);
  succeed(pool, a);
  fail(pool, a, 4);
  assert.deepEqual(changes, []);
  fail(pool, a, 1);
  assert.deepEqual(changes, ['a ready ejected: 5 failures in a row; back in 30 s']);
  for (let i = 0; i < 9; i++) assert.notEqual(pool.pick(any, null), a);
  sources.time = 29_999;
  pool.pick(any, null);
  assert.equal(a.stateCode, EJECTED);
  sources.time = 30_000;
  const picked = [1, 2, 3].map(() => pool.pick(any, null));
  assert.ok(picked.includes(a));
  assert.deepEqual(changes.slice(1), ['a ejected ready: ejection is over']);
  assert.equal(a.failures, 9);
});

test('each ejection in a row lasts 30 s longer, up to five minutes; one that held as long as it was out begins anew', () => {
  const { pool, endpoints, sources } = poolOf([1, 1, 1]);
  const [a] = endpoints as [Endpoint];
  const lengths: number[] = [];
  for (let i = 0; i < 12; i++) {
    fail(pool, a);
    lengths.push((a.ejectedUntil - sources.time) / 1000);
    sources.time = a.ejectedUntil;
    pool.advance();
    sources.time += 1000;
  }
  assert.deepEqual(lengths, [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300]);
  sources.time += 300_000;
  fail(pool, a);
  assert.equal(a.ejectedUntil - sources.time, 30_000);
});

test('at most half of the pool is ejected, and never the last one available', () => {
  for (const [count, expected] of [
    [1, 'r'],
    [2, 'er'],
    [3, 'err'],
    [4, 'eerr'],
    [5, 'eerrr'],
    [11, 'eeeeerrrrrr'],
  ] as const) {
    const { pool, endpoints } = poolOf(Array<number>(count).fill(1));
    for (const endpoint of endpoints) fail(pool, endpoint, 20);
    assert.equal(states(endpoints), expected);
  }
});

test('workers that are down for other reasons are no part of the pool of which half may go', () => {
  const { pool, endpoints } = poolOf([1, 1, 1, 1, 1, 1], {}, undefined, true);
  const [a, b, c, d, e, f] = endpoints as [Endpoint, Endpoint, Endpoint, Endpoint, Endpoint, Endpoint];
  pool.down(a);
  pool.maintenance(b);
  pool.begin(c);
  pool.finish(c, FAILED, true);
  assert.equal(states(endpoints), 'smerrr');
  fail(pool, d);
  fail(pool, e);
  assert.equal(states(endpoints), 'smeerr');
  pool.drain(e);
  fail(pool, f);
  assert.equal(f.stateCode, READY);
});

test('a refused connection ejects an own worker at once, until it says that it is ready; others are not', () => {
  const { pool, endpoints, changes } = poolOf([1, 1], {}, undefined, true);
  const [a, b] = endpoints as [Endpoint, Endpoint];
  for (const endpoint of [a, b]) {
    pool.begin(endpoint);
    pool.finish(endpoint, FAILED, true);
  }
  assert.equal(states(endpoints), 'ee');
  pool.ready(a, 'restarted');
  assert.deepEqual(changes.at(-1), 'worker:0 ejected ready: restarted');
  const foreign = poolOf([1, 1]);
  foreign.pool.begin(foreign.endpoints[0]!);
  foreign.pool.finish(foreign.endpoints[0]!, FAILED, true);
  assert.equal(states(foreign.endpoints), 'rr');
});

test('when all are bad, all are used', () => {
  const { pool, endpoints } = poolOf([1, 1, 1, 1]);
  fail(pool, endpoints[0]!);
  fail(pool, endpoints[1]!);
  pool.drain(endpoints[2]!);
  pool.maintenance(endpoints[3]!);
  assert.equal(states(endpoints), 'eedm');
  assert.deepEqual([1, 2, 3, 4].map(() => pool.pick(any, null)!.id).toSorted(), ['a', 'a', 'b', 'b']);
  pool.resume(endpoints[2]!);
  assert.deepEqual(
    [1, 2].map(() => pool.pick(any, null)!.id),
    ['c', 'c'],
  );
});

test('a tunnel or an event stream is good news when it begins, and none when it ends', () => {
  const { pool, endpoints } = poolOf([1, 1]);
  const [a] = endpoints as [Endpoint];
  const begin = () => {
    pool.begin(a);
    pool.becomeLongLived(a, 101);
  };
  begin();
  fail(pool, a, 4);
  begin();
  fail(pool, a, 4);
  pool.finish(a, outcome({ status: 101, longLived: true }));
  assert.equal(states(endpoints), 'rr');
  fail(pool, a, 1);
  assert.equal(states(endpoints), 'er');
});

test('statuses count as failures only when asked for, and an attempt that the client ended counts as nothing', () => {
  const bad = outcome({ status: 503 });
  const usual = poolOf([1, 1]);
  fail(usual.pool, usual.endpoints[0]!, 20, bad);
  assert.equal(states(usual.endpoints), 'rr');
  const health = { failures: 3, ejectTime: 200, maxEjectTime: 5000, statuses: [502, 503] };
  const strict = poolOf([1, 1], { health });
  const [a] = strict.endpoints as [Endpoint];
  fail(strict.pool, a, 2, bad);
  strict.pool.begin(a);
  strict.pool.finish(a, outcome({ status: 0, firstByte: -1 }));
  fail(strict.pool, a, 1, bad);
  assert.deepEqual(strict.changes, ['a ready ejected: 3 failures in a row; back in 200 ms']);
});

test('late results of an ejected endpoint neither end nor prolong its ejection', () => {
  const { pool, endpoints } = poolOf([1, 1, 1]);
  const [a] = endpoints as [Endpoint];
  for (let i = 0; i < 20; i++) pool.begin(a);
  for (let i = 0; i < 5; i++) pool.finish(a, FAILED);
  const until = a.ejectedUntil;
  for (let i = 0; i < 14; i++) pool.finish(a, FAILED);
  pool.finish(a, outcome());
  assert.deepEqual([a.stateCode, a.ejectedUntil, a.ejections], [EJECTED, until, 1]);
});

test('no failures eject when health says 0', () => {
  const { pool, endpoints } = poolOf([1, 1], { health: { failures: 0, ejectTime: 1, maxEjectTime: 1 } });
  fail(pool, endpoints[0]!, 100);
  assert.equal(states(endpoints), 'rr');
});
