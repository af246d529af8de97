import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Discovery, dnsDiscovery, LoadBalancer, type LoadBalancerOptions, srvDiscovery } from 'node-multiserver';
import { type Answer, DnsServer } from './dns-server.js';
import { ask, Servers, spread, until } from './servers.js';

const [ONE, TWO, THREE] = ['127.0.0.1', '127.0.0.2', '127.0.0.3'] as const;

async function stage(t: TestContext, options: (dns: DnsServer, port: number) => LoadBalancerOptions) {
  const servers = await Servers.open(ONE, TWO, THREE);
  const dns = new DnsServer();
  await dns.listen();
  const balancer = new LoadBalancer(options(dns, servers.port));
  const problems: string[] = [];
  balancer.events.on('problem', (message) => problems.push(message));
  t.after(async () => {
    servers.close();
    dns.close();
    await balancer.close({ timeout: 0 });
  });
  const listen = async (): Promise<number> => {
    const [address] = await balancer.listen('127.0.0.1:0');
    return (address as { port: number }).port;
  };
  const ids = (): string =>
    balancer.endpoints
      .list()
      .map(({ id }) => new URL(id).hostname)
      .join(' ');
  /** Changes the answer and waits until it was asked for twice, so that it was surely heard. */
  const answer = async (name: string, value: Answer): Promise<void> => {
    dns.answers.set(name, value);
    const before = dns.questions.length;
    await until('two more questions', () => dns.questions.length > before + 4);
  };
  return { servers, dns, balancer, problems, listen, ids, answer };
}

const byName = ({ address }: DnsServer, port: number): LoadBalancerOptions => ({
  endpoints: [dnsDiscovery('api.test', port, { refresh: 20, servers: [address] })],
});

test('traffic follows the addresses of a name, from the first request on; one that leaves ends what it has begun', async (t) => {
  const { servers, dns, balancer, problems, listen, ids } = await stage(t, byName);
  dns.answers.set('api.test', [ONE, TWO]);
  const port = await listen();
  assert.deepEqual(await spread(port, 4), { [ONE]: 2, [TWO]: 2 });
  const kept = balancer.endpoints.list().find(({ id }) => id.includes(TWO));
  const held = [ask(port, '/held'), ask(port, '/held')];
  await until('both to be held', () => servers.held.length === 2);
  dns.answers.set('api.test', [TWO, THREE]);
  await until('the third to come', () => balancer.endpoints.list().some(({ id }) => id.includes(THREE)));
  assert.deepEqual(await spread(port, 4), { [TWO]: 2, [THREE]: 2 });
  assert.equal(
    balancer.endpoints.list().find(({ id }) => id.includes(TWO)),
    kept,
    'who stays is the same',
  );
  for (const response of servers.held) response.end('in peace');
  assert.deepEqual(await Promise.all(held), ['in peace', 'in peace']);
  await until('the first to be gone', () => ids() === `${TWO} ${THREE}`);
  dns.answers.set('api.test', [ONE]);
  await until('the first to be back', () => ids() === ONE);
  assert.deepEqual(await spread(port, 2), { [ONE]: 2 });
  assert.deepEqual(problems, []);
});

test('the last good set is kept while a name cannot be resolved, is unknown or has no address, and each such time is told once', async (t) => {
  const { dns, problems, listen, ids, answer } = await stage(t, byName);
  dns.answers.set('api.test', [ONE, TWO]);
  const port = await listen();
  // The resolver of Node 20.19 (c-ares 1.34.4) keeps an answer without an address to itself for long.
  const forgets = process.versions.ares.localeCompare('1.34.5', undefined, { numeric: true }) >= 0;
  const failures: Answer[] = ['failure', 'no such name', ...(forgets ? [[]] : [])];
  for (const [i, failure] of failures.entries()) {
    await answer('api.test', failure);
    await until('it to be told', () => problems.length === i + 1);
    assert.match(problems[i]!, /^Endpoints of dns:\/\/api\.test:\d+ could not be found \(.+\); the last 2 are kept\.$/);
    assert.equal(ids(), `${ONE} ${TWO}`);
    assert.deepEqual(await spread(port, 2), { [ONE]: 1, [TWO]: 1 });
    await answer('api.test', [ONE, TWO]);
  }
  assert.equal(problems.length, failures.length);
  dns.answers.set('api.test', [THREE]);
  await until('a new set to be followed', () => ids() === THREE);
});

test('a name that is not known at first gets its traffic once it is', async (t) => {
  const { dns, problems, listen } = await stage(t, byName);
  const port = await listen();
  assert.match(problems.join(), /there are none yet/);
  assert.equal(await ask(port), '503');
  dns.answers.set('api.test', [TWO]);
  await until('it to answer', async () => (await ask(port)) === TWO);
});

test('services get traffic by their weights, and those of a higher priority number only when no other can take it', async (t) => {
  const { servers, dns, listen, balancer } = await stage(t, ({ address }) => ({
    endpoints: [srvDiscovery('_http._tcp.test', { refresh: 20, servers: [address] })],
  }));
  const { port: at } = servers;
  const service = (target: string, weight: number, priority = 0) => ({ target, weight, priority, port: at });
  dns.answers.set('one.test', [ONE]).set('two.test', [TWO]).set('three.test', [THREE]);
  dns.answers.set('_http._tcp.test', [service('one.test', 3), service('two.test', 1), service('three.test', 1, 1)]);
  const port = await listen();
  assert.deepEqual(await spread(port, 8), { [ONE]: 6, [TWO]: 2 });
  servers.stop(ONE);
  servers.stop(TWO);
  assert.deepEqual(await spread(port, 4), { [THREE]: 4 });
  dns.answers.set('_http._tcp.test', [service('two.test', 1, 1), service('three.test', 5)]);
  await until('the roles to change', () => {
    const states = balancer.endpoints.list().map(({ id, priority }) => `${new URL(id).hostname} ${priority}`);
    return states.toSorted().join() === `${TWO} 1,${THREE} 0`;
  });
  assert.deepEqual(await spread(port, 4), { [THREE]: 4 });
});

test('a service whose name cannot be resolved keeps its last addresses and takes no other with it; which and why is told once', async (t) => {
  const { servers, dns, problems, listen, ids } = await stage(t, ({ address }) => ({
    endpoints: [srvDiscovery('_http._tcp.test', { refresh: 20, servers: [address] })],
  }));
  const service = (target: string) => ({ target, weight: 1, priority: 0, port: servers.port });
  dns.answers.set('_http._tcp.test', [service('one.test'), service('two.test')]);
  dns.answers.set('one.test', [ONE]).set('two.test', 'failure');
  const told = async (...endings: string[]): Promise<void> => {
    await until('it to be told', () => problems.length >= endings.length);
    const before = dns.questions.length;
    await until('two more answers', () => dns.questions.length > before + 8);
    assert.deepEqual(
      problems.map((problem) => problem.replace(/^.* could (?:not )?be found:? /, '')),
      endings,
    );
  };
  const port = await listen();
  const unknown = 'two.test (queryA ESERVFAIL two.test; no address is known).';
  await told(unknown);
  assert.deepEqual(await spread(port, 2), { [ONE]: 2 });
  dns.answers.set('two.test', [TWO]);
  await until('the second to come', () => ids() === `${ONE} ${TWO}`);
  dns.answers.set('two.test', 'failure').set('one.test', [THREE]);
  const kept = 'two.test (queryA ESERVFAIL two.test; the last 1 are kept).';
  await told(unknown, kept);
  assert.deepEqual(await spread(port, 4), { [TWO]: 2, [THREE]: 2 });
  dns.answers.set('one.test', 'failure');
  await told(unknown, kept, '(queryA ESERVFAIL one.test); the last 2 are kept.');
  assert.deepEqual(await spread(port, 4), { [TWO]: 2, [THREE]: 2 });
});

test('endpoints that were added by hand are left alone, and several discoveries do not get in the way of each other', async (t) => {
  const { servers, balancer, ids } = await stage(t, () => ({}));
  const url = (host: string): string => `http://${host}:${servers.port}`;
  const tell: Record<string, (set: { url: string }[]) => void> = {};
  const own = (name: string): Discovery => ({ name, start: (onChange) => (tell[name] = onChange), stop: () => {} });
  const [a, b] = [own('a'), own('b')];
  balancer.endpoints.add(url(ONE));
  const first = balancer.endpoints.discover(a);
  void balancer.endpoints.discover(b);
  tell['a']!([{ url: url(ONE) }, { url: url(TWO) }]);
  await first;
  tell['b']!([{ url: url(TWO) }, { url: url(THREE) }]);
  assert.equal(ids(), `${ONE} ${TWO} ${THREE}`);
  tell['a']!([{ url: url(THREE) }]);
  assert.equal(ids(), `${ONE} ${TWO} ${THREE}`);
  balancer.endpoints.stopDiscovery(b);
  assert.equal(ids(), `${ONE} ${THREE}`);
  tell['a']!([{ url: 'ftp://nowhere' }]);
  assert.equal(ids(), `${ONE} ${THREE}`);
});
