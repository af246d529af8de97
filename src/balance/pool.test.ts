import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ALGORITHMS } from './algorithms/table.js';
import { Endpoint, GONE, MAINTENANCE, READY, STARTING } from './endpoint.js';
import { endpointsOf, FAILED, outcome, poolOf, request, SEED, TestSources } from './fixtures.test.js';

const any = request();

test('only ready endpoints are chosen; each change of state is reported once with its reason', () => {
  const { pool, endpoints, changes } = poolOf([1, 1, 1]);
  const [a, b, c] = endpoints as [Endpoint, Endpoint, Endpoint];
  const ids = (count: number) => Array.from({ length: count }, () => pool.pick(any, null)?.id ?? '-').join('');
  assert.equal(ids(3), 'abc');
  pool.drain(a);
  pool.drain(a);
  assert.equal(ids(4).includes('a'), false);
  pool.maintenance(b);
  assert.equal(ids(2), 'cc');
  pool.down(c, 'crashed');
  pool.down(c, 'crashed');
  assert.equal(ids(1), '-');
  pool.ready(c);
  pool.ready(c);
  pool.resume(b);
  pool.resume(a);
  assert.deepEqual([...ids(3)].toSorted(), ['a', 'b', 'c']);
  assert.deepEqual(changes, [
    'a ready draining: draining',
    'b ready maintenance: by hand',
    'c ready starting: crashed',
    'c starting ready: ready',
    'b maintenance ready: by hand',
    'a draining ready: by hand',
  ]);
});

test('an added endpoint takes requests once it is ready, and the smallest free index', () => {
  const { pool, endpoints } = poolOf([1, 1, 1]);
  const added = endpointsOf([1, 1, 1, 1])[3]!;
  pool.gone(endpoints[1]!);
  pool.add(added);
  assert.deepEqual(
    pool.endpoints.map(({ id, index }) => `${id}${index}`),
    ['a0', 'c2', 'd1'],
  );
  assert.equal(added.state, 'starting');
  assert.ok(![1, 2, 3].some(() => pool.pick(any, null) === added));
  pool.ready(added);
  assert.ok([1, 2, 3].some(() => pool.pick(any, null) === added));
});

test('a removed endpoint drains and is gone with its last request', () => {
  const { pool, endpoints, changes } = poolOf([1, 1]);
  const [a, b] = endpoints as [Endpoint, Endpoint];
  pool.begin(a);
  pool.begin(a);
  pool.remove(a);
  pool.finish(a, outcome());
  pool.resume(a);
  pool.maintenance(a);
  assert.equal(pool.pick(any, null), b);
  pool.finish(a, outcome());
  pool.remove(b);
  assert.deepEqual(changes, ['a ready draining: removed', 'a draining gone: drained', 'b ready gone: removed']);
  assert.deepEqual(pool.endpoints, []);
  assert.equal(pool.pick(any, null), undefined);
});

test('attempts at an endpoint that has gone can still be finished', () => {
  const { pool, endpoints } = poolOf([1]);
  const [a] = endpoints as [Endpoint];
  pool.begin(a);
  pool.gone(a);
  pool.finish(a, FAILED, true);
  assert.deepEqual([a.inFlight, pool.inFlight, a.stateCode], [0, 0, GONE]);
  assert.equal(pool.replyCookie(a, any), undefined);
});

test('maintenance by hand outlasts a restart of the worker, which is then back where it was', () => {
  const { pool, endpoints, changes } = poolOf([1, 1], {}, undefined, true);
  const [old] = endpoints as [Endpoint];
  pool.maintenance(old);
  pool.gone(old);
  const { id, url, address } = old;
  const again = new Endpoint({ id, url, address, slot: 0 });
  pool.add(again);
  pool.ready(again);
  assert.equal(again.stateCode, MAINTENANCE);
  pool.resume(again);
  assert.equal(again.stateCode, READY);
  pool.maintenance(again);
  pool.down(again);
  pool.resume(again);
  assert.equal(again.stateCode, STARTING);
  assert.equal(changes.at(-1), 'worker:0 maintenance starting: by hand');
});

test('a reload and a crash after it change nothing of what was set by hand for a slot; its removal does', () => {
  const { pool, endpoints } = poolOf([1, 1], {}, undefined, true);
  const [first] = endpoints as [Endpoint];
  const { id, url, address } = first;
  const next = () => new Endpoint({ id, url, address, slot: 0 });
  pool.maintenance(first);
  pool.setWeight(first, 3, true);
  const reloaded = next();
  pool.add(reloaded, READY);
  pool.remove(first);
  pool.gone(reloaded);
  const respawned = next();
  pool.add(respawned, READY);
  assert.deepEqual([respawned.stateCode, respawned.weight], [MAINTENANCE, 3]);
  pool.resume(respawned);
  assert.deepEqual([respawned.stateCode, respawned.weight], [READY, 3]);
  pool.maintenance(respawned);
  pool.forget(id);
  pool.remove(respawned);
  const another = next();
  pool.add(another, READY);
  assert.deepEqual([another.stateCode, another.weight], [READY, 1]);
});

test('an own worker that does not listen is waited for when it is the only one, not tried again and again', () => {
  const { pool, endpoints, sources } = poolOf([1], {}, undefined, true);
  const [only] = endpoints as [Endpoint];
  pool.begin(only);
  pool.finish(only, outcome({ failed: true, status: 0 }), true);
  assert.equal(pool.pick(any, null), undefined);
  assert.deepEqual([pool.expecting, pool.hasRoom()], [true, false]);
  sources.time = 1000;
  assert.ok(pool.hasRoom());
  assert.equal(pool.pick(any, null), only);
});

test('those already tried are left out', () => {
  const { pool, endpoints } = poolOf([1, 1, 1]);
  const tried: Endpoint[] = [];
  for (let i = 0; i < 3; i++) tried.push(pool.pick(any, tried)!);
  assert.deepEqual(new Set(tried), new Set(endpoints));
  assert.equal(pool.pick(any, tried), undefined);
});

test('an endpoint at its limit gets nothing until a request ends; tunnels and event streams do not count', () => {
  const { pool, endpoints } = poolOf([1, 1], { maxConcurrent: 2 });
  const [a, b] = endpoints as [Endpoint, Endpoint];
  for (let i = 0; i < 4; i++) pool.begin(pool.pick(any, null)!);
  assert.deepEqual([a.inFlight, b.inFlight, pool.hasRoom()], [2, 2, false]);
  assert.equal(pool.pick(any, null), undefined);
  pool.becomeLongLived(a, 200);
  assert.ok(pool.hasRoom());
  assert.equal(pool.pick(any, null), a);
  pool.begin(a);
  assert.equal(pool.pick(any, null), undefined);
  pool.finish(a, outcome({ longLived: true }));
  assert.deepEqual([a.inFlight, a.longLived, pool.hasRoom()], [2, 0, false]);
  pool.finish(b, outcome());
  assert.equal(pool.pick(any, null), b);
  pool.configure({ maxConcurrent: 5 });
  assert.notEqual(pool.pick(any, null), undefined);
  assert.equal(a.limit, 5);
});

test('a pool in which nothing can come to be free has room: nobody should wait for it', () => {
  const { pool, endpoints } = poolOf([1], { maxConcurrent: 1 });
  pool.drain(endpoints[0]!);
  assert.ok(pool.hasRoom());
  assert.equal(pool.pick(any, null), undefined);
});

test('whatever happens, the ledger adds up, no limit is exceeded, and only those available are chosen', () => {
  const action = fc.oneof(
    { weight: 6, arbitrary: fc.constant('begin') },
    { weight: 5, arbitrary: fc.constantFrom('ok', 'fail', 'refuse', 'stream') },
    {
      weight: 2,
      arbitrary: fc.constantFrom('drain', 'maintain', 'resume', 'down', 'ready', 'remove', 'gone', 'add', 'wait'),
    },
  );
  const steps = fc.array(fc.tuple(action, fc.nat(1000)), { minLength: 20, maxLength: 300 });
  const runs = process.env.MULTISERVER_LONG === undefined ? 300 : 20_000;
  fc.assert(
    fc.property(steps, fc.constantFrom(...Object.values(ALGORITHMS)), (list, algorithm) => {
      const sources = new TestSources();
      const { pool, endpoints } = poolOf([1, 2, 1, 3], { algorithm, maxConcurrent: 6, slowStart: 5000 }, sources, true);
      const everyone = new Set(endpoints);
      const flights: { endpoint: Endpoint; longLived: boolean }[] = [];
      let begun = 0;
      let added = 0;
      for (const [what, number] of list) {
        const member = pool.endpoints[number % Math.max(1, pool.endpoints.length)];
        const flight = flights[number % Math.max(1, flights.length)];
        if (what === 'begin') {
          const tried = number % 3 === 0 && member !== undefined ? [member] : null;
          const endpoint = pool.pick(request({ clientAddress: `192.0.2.${number % 9}` }), tried);
          if (endpoint === undefined) continue;
          assert.ok(pool.endpoints.includes(endpoint) && tried?.includes(endpoint) !== true);
          assert.ok(endpoint.inFlight - endpoint.longLived < endpoint.limit);
          const someReady = pool.endpoints.some(({ stateCode }) => stateCode === READY);
          assert.equal(endpoint.state, someReady ? 'ready' : 'ejected');
          pool.begin(endpoint);
          begun++;
          flights.push({ endpoint, longLived: false });
        } else if (what === 'stream') {
          if (flight === undefined || flight.longLived) continue;
          flight.longLived = true;
          pool.becomeLongLived(flight.endpoint, 200);
        } else if (what === 'ok' || what === 'fail' || what === 'refuse') {
          if (flight === undefined) continue;
          flights.splice(flights.indexOf(flight), 1);
          const { longLived } = flight;
          pool.finish(
            flight.endpoint,
            what === 'ok' ? outcome({ longLived }) : { ...FAILED, longLived },
            what === 'refuse',
          );
        } else if (what === 'add') {
          const [endpoint] = endpointsOf([1]) as [Endpoint];
          const fresh = new Endpoint({ ...endpoint, id: `worker:${4 + added}`, slot: 4 + added++ });
          everyone.add(fresh);
          pool.add(fresh, READY);
        } else if (what === 'wait') sources.time += number * 50;
        else if (member !== undefined) {
          const actions = {
            drain: 'drain',
            maintain: 'maintenance',
            resume: 'resume',
            down: 'down',
            ready: 'ready',
            remove: 'remove',
            gone: 'gone',
          } as const;
          pool[actions[what]](member);
        }
        assert.equal(pool.inFlight, flights.length);
        for (const endpoint of everyone) {
          const own = flights.filter((each) => each.endpoint === endpoint);
          assert.equal(endpoint.inFlight, own.length);
          assert.equal(endpoint.longLived, own.filter(({ longLived }) => longLived).length);
          assert.equal(pool.endpoints.includes(endpoint), endpoint.stateCode !== GONE);
        }
        assert.equal(
          [...everyone].reduce((sum, { requests }) => sum + requests, 0),
          begun,
        );
        assert.equal(new Set(pool.endpoints.map(({ index }) => index)).size, pool.endpoints.length);
      }
    }),
    { seed: SEED, numRuns: runs },
  );
});
