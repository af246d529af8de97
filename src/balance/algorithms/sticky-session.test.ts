import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EJECTED, Endpoint, READY } from '../endpoint.js';
import { FAILED, outcome, poolOf, request, tally } from '../fixtures.test.js';
import { LEAST_CONNECTIONS } from './least-connections.js';
import { stickySession, type StickySessionOptions } from './sticky-session.js';

const SECRET = 'a secret of many letters';
const start = (options: StickySessionOptions = {}, count = 4) =>
  poolOf(Array<number>(count).fill(1), {
    algorithm: stickySession({ secret: SECRET, ...options }),
    maxConcurrent: 100,
  });

type Pool = ReturnType<typeof start>['pool'];

/** A browser: sends the cookie it was given. */
function browser() {
  let cookie = '';
  return {
    get cookie() {
      return cookie;
    },
    visit(pool: Pool, tried: Endpoint[] | null = null) {
      const about = request(cookie === '' ? {} : { headers: { cookie: `theme=dark; ${cookie}; other=1` } });
      const endpoint = pool.pick(about, tried)!;
      pool.begin(endpoint);
      const field = pool.replyCookie(endpoint, about);
      if (field !== undefined) cookie = field.slice(0, field.indexOf(';'));
      pool.finish(endpoint, outcome());
      return { endpoint, renewed: field !== undefined };
    },
  };
}

test('a client stays where its first request went, and gets one cookie', () => {
  const { pool } = start();
  const clients = Array.from({ length: 100 }, browser);
  const homes = clients.map((client) => client.visit(pool));
  assert.ok(homes.every(({ renewed }) => renewed));
  assert.deepEqual(
    tally(100, () => homes.pop()!.endpoint),
    { a: 25, b: 25, c: 25, d: 25 },
  );
  for (const client of clients) {
    const { endpoint } = client.visit(pool);
    for (let i = 0; i < 3; i++) assert.deepEqual(client.visit(pool), { endpoint, renewed: false });
  }
});

test('a client has a place in each pool, though one option names the algorithm of all', () => {
  const algorithm = stickySession({ secret: SECRET });
  const pools = ['default', 'api', 'an (odd) näme'].map((name) => poolOf([1, 1, 1], { name, algorithm }).pool);
  const jar = new Map<string, string>();
  const visit = (pool: Pool) => {
    const cookie = [...jar].map((pair) => pair.join('=')).join('; ');
    const about = request({ headers: { cookie } });
    const endpoint = pool.pick(about, null)!;
    const [, name, value] = /^([^=]+)=([^;]+);/.exec(pool.replyCookie(endpoint, about) ?? '') ?? [];
    if (name !== undefined) jar.set(name, value!);
    return endpoint;
  };
  const homes = pools.map(visit);
  assert.deepEqual([...jar.keys()], ['multiserver', 'multiserver-api', 'multiserver-an%20~odd~%20n%C3%A4me']);
  for (let i = 0; i < 4; i++) assert.deepEqual(pools.map(visit), homes);
  assert.equal(jar.size, 3);
});

test('a thousand clients keep their endpoint when one is added and when an unrelated one goes', () => {
  const { pool, endpoints } = start();
  const clients = Array.from({ length: 1000 }, browser);
  const homes = clients.map((client) => client.visit(pool).endpoint);
  const address = { host: '127.0.0.1', port: 1, path: '', secure: false };
  pool.add(new Endpoint({ id: 'new', url: 'http://127.0.0.1:1', address }), READY);
  pool.remove(endpoints[3]!);
  for (const [i, client] of clients.entries()) {
    const { endpoint, renewed } = client.visit(pool);
    assert.equal(renewed, homes[i] === endpoints[3]);
    if (!renewed) assert.equal(endpoint, homes[i]);
  }
});

test('when its endpoint is gone, ejected, draining, full or already tried, another answers the same request with a new cookie', () => {
  const ways: Record<string, (pool: Pool, home: Endpoint) => void> = {
    gone: (pool, home) => pool.gone(home),
    draining: (pool, home) => pool.drain(home),
    maintenance: (pool, home) => pool.maintenance(home),
    full: (_, home) => void (home.inFlight = 100),
    ejected: (pool, home) => {
      for (let i = 0; i < 5; i++) pool.begin(home);
      for (let i = 0; i < 5; i++) pool.finish(home, FAILED);
      assert.equal(home.stateCode, EJECTED);
    },
  };
  for (const [name, happens] of Object.entries(ways)) {
    const { pool } = start();
    const client = browser();
    const home = client.visit(pool).endpoint;
    happens(pool, home);
    const { endpoint, renewed } = client.visit(pool);
    assert.notEqual(endpoint, home, name);
    assert.ok(renewed);
    assert.deepEqual(client.visit(pool), { endpoint, renewed: false });
  }
  const { pool } = start();
  const client = browser();
  const home = client.visit(pool).endpoint;
  assert.notEqual(client.visit(pool, [home]).endpoint, home);
});

test('a worker that comes back in its slot gets its clients back', () => {
  const { pool, endpoints } = poolOf([1, 1], { algorithm: stickySession() }, undefined, true);
  const client = browser();
  const home = client.visit(pool).endpoint;
  pool.gone(home);
  const { id, url, address, slot } = home;
  const again = new Endpoint({ id, url, address, slot, pid: 4242 });
  pool.add(again, READY);
  assert.deepEqual(client.visit(pool), { endpoint: again, renewed: false });
  assert.equal(endpoints.length, 2);
});

test('balancers with the same secret understand each other, with another secret they do not', () => {
  const one = start();
  const same = start({ over: LEAST_CONNECTIONS });
  const other = start({ secret: 'another secret of many letters' });
  const client = browser();
  client.visit(one.pool);
  const home = client.visit(one.pool).endpoint;
  assert.equal(client.visit(same.pool).endpoint.id, home.id);
  assert.equal(client.visit(same.pool).renewed, false);
  assert.equal(client.visit(other.pool).renewed, true);
});

test('a forged cookie is ignored, whatever it says', () => {
  const { pool, endpoints } = start();
  const client = browser();
  client.visit(pool);
  const value = client.cookie.slice(client.cookie.indexOf('=') + 1);
  const forged = [
    '',
    'b',
    'worker:1',
    'http://127.0.0.1:1001',
    `${value}x`,
    value.slice(1),
    value.toUpperCase(),
    `"${value}"`,
    'x'.repeat(9999),
  ];
  const cycle = forged.map((text) => pool.pick(request({ headers: { cookie: `multiserver=${text}` } }), null)!.id);
  assert.equal(cycle.join(''), 'bcdabcdab');
  for (const cookie of [`xmultiserver=${value}`, `a=multiserver=${value}`, `multiserver =${value}`]) {
    assert.notEqual(pool.replyCookie(endpoints[0]!, request({ headers: { cookie } })), undefined, cookie);
  }
});

test('a valid cookie is found behind others of its name, which another path or domain has set', () => {
  const { pool } = start();
  const client = browser();
  const { endpoint } = client.visit(pool);
  const behind = (count: number) =>
    request({ headers: { cookie: `${'multiserver=forged; '.repeat(count)}${client.cookie}` } });
  for (let i = 0; i < 4; i++) assert.equal(pool.pick(behind(i), null), endpoint);
  assert.equal(pool.replyCookie(endpoint, behind(3)), undefined);
  assert.notEqual(pool.replyCookie(endpoint, behind(1000)), undefined);
});

test('the cookie is HttpOnly and SameSite=Lax, Secure under TLS only, and tells nothing of the endpoint', () => {
  const { pool, endpoints } = start();
  pool.pick(request(), null);
  const field = pool.replyCookie(endpoints[0]!, request({ secure: false }))!;
  assert.match(field, /^multiserver=[\w-]{22}; Path=\/; HttpOnly; SameSite=Lax$/);
  assert.equal(pool.replyCookie(endpoints[0]!, request({ secure: true })), `${field}; Secure`);
  const decoded = Buffer.from(field.slice(12, 34), 'base64url').toString('latin1');
  for (const { id, url } of endpoints) assert.ok(id.length === 1 || (!decoded.includes(id) && !decoded.includes(url)));
  const custom = start({ cookie: { name: 'home', path: '/app', domain: 'example.com', maxAge: 60, sameSite: 'None' } });
  custom.pool.pick(request(), null);
  assert.match(
    custom.pool.replyCookie(custom.endpoints[0]!, request())!,
    /^home=.{22}; Path=\/app; HttpOnly; SameSite=None; Domain=example.com; Max-Age=60; Secure$/,
  );
});

test('by address, header or function there is no cookie, and the (N+1)-th client finds a place too', () => {
  const { pool, endpoints } = start({ by: 'header:x-user', tableSize: 100 });
  const visit = (user: string) => pool.pick(request({ headers: { 'x-user': user } }), null)!;
  const home = visit('ann');
  assert.equal(visit('bob') === home, false);
  for (let i = 0; i < 10; i++) assert.equal(visit('ann'), home);
  assert.equal(pool.replyCookie(home, request()), undefined);
  for (let i = 0; i < 1000; i++) {
    assert.notEqual(visit(`user ${i}`), undefined);
    // Seen often enough, one is never forgotten.
    if (i % 20 === 0) assert.equal(visit('ann'), home);
  }
  pool.drain(endpoints.find((endpoint) => endpoint === home)!);
  const next = visit('ann');
  assert.notEqual(next, home);
  assert.equal(visit('ann'), next);
});

test('an Engine.IO session goes where its handshake went, and stays when the client changes its address', () => {
  const { pool, endpoints } = start({ by: 'sid' });
  const visit = (target: string, clientAddress: string) => pool.pick(request({ target, clientAddress }), null)!;
  const handshake = '/socket.io/?EIO=4&transport=polling';
  const home = visit(handshake, '192.0.2.1');
  const other = visit(handshake, '192.0.2.2');
  assert.notEqual(home, other);
  assert.equal(visit(`${handshake}&sid=S1`, '192.0.2.1'), home);
  assert.equal(visit(`${handshake}&sid=S2`, '192.0.2.2'), other);
  assert.equal(visit(`${handshake}&sid=S1`, '192.0.2.2'), home);
  assert.equal(visit('/socket.io/?sid=S2&EIO=4&transport=websocket', '198.51.100.9'), other);
  assert.equal(endpoints.length, 4);
});

test('options that cannot work are refused by name', () => {
  const wrong: [unknown, RegExp][] = [
    [null, /"stickySession" must be an object/],
    [{ secert: 'x'.repeat(16) }, /did you mean "secret"/],
    [{ cookie: 'home' }, /cookie" must be an object/],
    [{ cookie: { nmae: 'home' } }, /did you mean "cookie\.name"/],
    [{ over: 'least-latency' }, /over" must be an algorithm/],
    [{ over: {} }, /over" must be an algorithm/],
    [{ by: 'ip', tableSize: -5 }, /tableSize/],
    [{ secret: 'short' }, /secret/],
    [{ cookie: { name: 'a b' } }, /cookie\.name/],
    [{ cookie: { path: 'a;b' } }, /cookie\.path/],
    [{ cookie: { domain: 'a; b' } }, /cookie\.domain/],
    [{ cookie: { maxAge: 1.5 } }, /cookie\.maxAge/],
    [{ cookie: { sameSite: 'lax' } }, /cookie\.sameSite/],
    [{ by: 'cookies' }, /stickySession\.by/],
  ];
  for (const [options, message] of wrong) {
    assert.throws(() => stickySession(options as StickySessionOptions), { code: 'MS_INVALID_OPTION', message });
  }
});
