import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Candidates } from './candidates.js';
import { DRAINING, EJECTED, Endpoint, READY, STARTING } from './endpoint.js';

const ids = (endpoints: readonly Endpoint[]) => endpoints.map(({ id }) => id).join('');

/** Named a, b, c … with these priorities. */
function start(...priorities: number[]) {
  const address = { host: '127.0.0.1', port: 1, path: '', secure: false };
  const endpoints = priorities.map((priority, i) => {
    const endpoint = new Endpoint({ id: 'abcdef'[i]!, url: '', address, priority });
    return Object.assign(endpoint, { stateCode: READY, limit: 1 });
  });
  const candidates = new Candidates();
  candidates.refresh(endpoints);
  return { endpoints, candidates };
}

test('each priority is for when all before it are full or were tried', () => {
  const { endpoints, candidates } = start(7, 0, 2, 0, 2);
  assert.equal(ids(candidates.first), 'bd');
  let able = '';
  for (const next of 'bdcea') {
    able += `${ids(candidates.able(null))} `;
    assert.equal(candidates.areFull(), false);
    endpoints.find(({ id }) => id === next)!.inFlight = 1;
  }
  assert.equal(able, 'bd d ce e a ');
  assert.equal(ids(candidates.able(null)), '');
  assert.equal(candidates.areFull(), true);
  for (const endpoint of endpoints) endpoint.inFlight = 0;
  assert.equal(ids(candidates.able([endpoints[1]!, endpoints[3]!])), 'ce');
  assert.equal(ids(candidates.able(endpoints)), '');
});

test('when none is ready, those that are ejected or not known yet are used, by priority too', () => {
  const { endpoints, candidates } = start(1, 1, 0, 0);
  const [a, b, c, d] = endpoints as [Endpoint, Endpoint, Endpoint, Endpoint];
  c.stateCode = EJECTED;
  d.stateCode = DRAINING;
  candidates.refresh(endpoints);
  assert.equal(ids(candidates.first), 'ab');
  a.stateCode = EJECTED;
  b.stateCode = STARTING;
  b.up = true;
  candidates.refresh(endpoints);
  assert.equal(ids(candidates.first), 'c');
  assert.equal(ids(candidates.able([c])), 'ab');
  candidates.refresh([d]);
  assert.equal(ids(candidates.first) + ids(candidates.able(null)), '');
});
