import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { EndpointView, RequestView } from '../../contracts/algorithm.js';
import { assertShare, indexed, request, SEED, tally } from '../fixtures.test.js';
import { ConsistentHash, consistentHash, type ConsistentHashOptions } from './consistent-hash.js';

const KEYS = Array.from({ length: 20_000 }, (_, i) => request({ clientAddress: `198.51.${i >> 8}.${i & 255}` }));

function start(endpoints: readonly EndpointView[], options: ConsistentHashOptions = {}) {
  const algorithm = new ConsistentHash(options);
  algorithm.onEndpoints(endpoints);
  return (about: RequestView, from = endpoints) => algorithm.pick(from, about)!;
}

test('keys are spread evenly, or by weight', () => {
  for (const weights of [
    [1, 1, 1, 1, 1, 1, 1, 1],
    [1, 2, 5],
  ]) {
    const endpoints = indexed(weights);
    const pick = start(endpoints);
    let next = 0;
    const counts = tally(KEYS.length, () => pick(KEYS[next++]!));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    for (const { id, weight } of endpoints) assertShare(counts[id], KEYS.length, weight / total);
  }
});

test('one endpoint more takes its share of the keys, evenly from all others, and no other key moves', () => {
  const eleven = indexed(Array.from({ length: 11 }, () => 1));
  const ten = eleven.slice(0, 10);
  const before = start(ten);
  const after = start(eleven);
  const from: Record<string, number> = {};
  let moved = 0;
  for (const key of KEYS) {
    const old = before(key);
    const now = after(key);
    if (old === now) continue;
    assert.equal(now, eleven[10]);
    moved++;
    from[old.id] = (from[old.id] ?? 0) + 1;
  }
  assertShare(moved, KEYS.length, 1 / 11);
  for (const { id } of ten) assertShare(from[id], moved, 1 / 10);
});

test('one that is left out gives up its own keys only', () => {
  const endpoints = indexed([1, 1, 1, 1, 1]);
  const pick = start(endpoints);
  const others = endpoints.filter(({ id }) => id !== 'c');
  for (const key of KEYS.slice(0, 2000)) {
    const usual = pick(key);
    if (usual.id !== 'c') assert.equal(pick(key, others), usual);
  }
});

test('every balancer sends a key to the same endpoint, whatever the order and place it knows them in', () => {
  const endpoints = indexed([1, 1, 1, 1]);
  const one = start(endpoints);
  const elsewhere = indexed([1, 1, 1, 1]).toReversed();
  for (const [index, endpoint] of elsewhere.entries()) endpoint.index = index;
  const other = start(elsewhere);
  for (const key of KEYS.slice(0, 1000)) assert.equal(one(key).id, other(key).id);
});

test('no endpoint gets more than 1.25 times its share of what is in flight, even when all keys are the same', () => {
  const weights = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(weights, fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 20 }), (list, requests, keys) => {
      const endpoints = indexed(list);
      const pick = start(endpoints);
      const total = list.reduce((sum, weight) => sum + weight, 0);
      for (let n = 1; n <= requests; n++) {
        const chosen = pick(KEYS[n % keys]!) as (typeof endpoints)[0];
        chosen.inFlight++;
        assert.ok(chosen.inFlight <= Math.ceil((1.25 * n * chosen.weight) / total));
      }
    }),
    { seed: SEED },
  );
});

const header = (value: string, clientAddress: string) => request({ headers: { 'x-user': value }, clientAddress });
const cookie = (field: string) => request({ headers: { cookie: field } });

test('the key may be a header, a cookie, the path or what a function says; without one requests take turns', () => {
  const endpoints = indexed(Array.from({ length: 50 }, () => 1));
  const same = (options: ConsistentHashOptions, one: RequestView, other: RequestView) => {
    const pick = start(endpoints, options);
    return pick(one) === pick(other);
  };
  assert.ok(same({ key: 'header:X-User' }, header('ann', '192.0.2.1'), header('ann', '192.0.2.2')));
  assert.ok(!same({ key: 'header:x-user' }, header('ann', '192.0.2.1'), header('bob', '192.0.2.1')));
  assert.ok(same({ key: 'cookie:id' }, cookie('a=1; id=7'), cookie('id=7;xid=8')));
  assert.ok(!same({ key: 'cookie:id' }, cookie('a=1; id=7'), cookie('xid=7; id=8')));
  assert.ok(same({ key: 'path' }, request({ target: '/a?x=1' }), request({ target: '/a?x=2' })));
  assert.ok(!same({ key: 'path' }, request({ target: '/a' }), request({ target: '/b' })));
  assert.ok(same({ key: ({ method }) => method }, request({ target: '/a' }), request({ target: '/b' })));
  const pick = start(endpoints, { key: 'cookie:id' });
  assert.deepEqual([pick(request()).id, pick(request()).id, pick(request()).id], ['a', 'b', 'c']);
});

test('an unknown key or bound is refused by name', () => {
  for (const [options, message] of [
    [{ key: 'adress' }, /consistentHash\.key.*adress/],
    [{ key: 'header:' }, /consistentHash\.key/],
    [{ load: 1 }, /consistentHash\.load/],
    [{ load: '2' }, /consistentHash\.load/],
    [{ kee: 'ip' }, /did you mean "key"/],
    [null, /"consistentHash" must be an object/],
  ] as const) {
    assert.throws(() => consistentHash(options as ConsistentHashOptions), { code: 'MS_INVALID_OPTION', message });
  }
});
