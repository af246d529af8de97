import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type DiscoveredEndpoint,
  type Discovery,
  dnsDiscovery,
  fileDiscovery,
  srvDiscovery,
  staticDiscovery,
} from 'node-multiserver';
import { DnsServer } from './dns-server.js';

type Set = readonly DiscoveredEndpoint[];

/** One way of finding endpoints, and the place that it finds them in. */
interface Place {
  readonly discovery: Discovery;
  /** What is found there from now on; null: it cannot be found out. */
  readonly put: (set: Set | null) => void;
  readonly close: () => void;
}

const refresh = 20;
const ONE: Set = [{ url: 'http://192.0.2.1:8080', weight: 1, priority: 0 }];
const TWO: Set = [...ONE, { url: 'http://[2001:db8::2]:9090', weight: 3, priority: 1 }];

async function dns(answersOf: (server: DnsServer, set: Set | null) => void, make: (servers: string[]) => Discovery) {
  const server = new DnsServer();
  await server.listen();
  return {
    discovery: make([server.address]),
    put: (set: Set | null) => answersOf(server, set),
    close: () => server.close(),
  };
}

const PLACES: Record<string, () => Promise<Place>> = {
  file: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ms-discovery-'));
    const path = join(folder, 'endpoints');
    return {
      discovery: fileDiscovery(path, { refresh }),
      put: (set) => {
        const lines = set?.map(({ url, weight, priority }) => `${url} weight=${weight} priority=${priority} # one\n`);
        writeFileSync(`${path}.new`, `# all\n\n${lines?.join('') ?? 'http://a:1 wight=3'}`);
        renameSync(`${path}.new`, path);
      },
      close: () => rmSync(folder, { recursive: true }),
    };
  },
  'dns+srv': () =>
    dns(
      ({ answers }, set) => {
        const name = '_http._tcp.api.test';
        if (set === null) answers.set(name, 'failure');
        else {
          answers.set(
            name,
            set.map(({ url, weight = 1, priority = 0 }, i) => {
              const { hostname, port } = new URL(url);
              answers.set(`host${i}.test`, [hostname.replace(/[[\]]/g, '')]);
              return { target: `host${i}.test`, port: Number(port), weight, priority };
            }),
          );
        }
      },
      (servers) => srvDiscovery('_http._tcp.api.test', { refresh, servers }),
    ),
};

/** Starts it and gives what it tells, in order. */
function listen(discovery: Discovery) {
  const sets: Set[] = [];
  const problems: Error[] = [];
  discovery.start(
    (set) => sets.push(set),
    (error) => problems.push(error),
  );
  return { sets, problems };
}

async function until(met: () => boolean): Promise<void> {
  const end = performance.now() + 20_000;
  while (!met()) {
    assert.ok(performance.now() < end, 'it did not happen within 20 s');
    await sleep(5);
  }
}

const plain = (set: Set) =>
  set
    .map(({ url, weight = 1, priority = 0 }) => ({ url, weight, priority }))
    .toSorted((a, b) => (a.url < b.url ? 1 : -1));
const isSet = (found: Set | undefined, set: Set) =>
  found !== undefined && JSON.stringify(plain(found)) === JSON.stringify(plain(set));

for (const [name, open] of Object.entries(PLACES)) {
  test(`${name} tells the whole set with weights and priorities, and again when it has changed`, async () => {
    const { discovery, put, close } = await open();
    put(ONE);
    const { sets, problems } = listen(discovery);
    await until(() => isSet(sets.at(-1), ONE));
    put(TWO);
    await until(() => isSet(sets.at(-1), TWO));
    put(ONE);
    await until(() => isSet(sets.at(-1), ONE));
    assert.ok(
      sets.every((set) => isSet(set, ONE) || isSet(set, TWO)),
      'never a part of a set',
    );
    assert.deepEqual(problems, []);
    discovery.stop();
    close();
  });

  test(`${name} tells when it cannot find out, at the start too, and goes on looking`, async () => {
    const { discovery, put, close } = await open();
    put(null);
    const { sets, problems } = listen(discovery);
    await until(() => problems.length > 0);
    assert.ok(problems[0] instanceof Error);
    assert.deepEqual(sets, []);
    put(ONE);
    await until(() => isSet(sets.at(-1), ONE));
    const before = problems.length;
    put(null);
    await until(() => problems.length > before);
    discovery.stop();
    close();
  });

  test(`${name} tells nothing once it was stopped, in the midst of looking too`, async () => {
    const { discovery, put, close } = await open();
    put(ONE);
    const stopped = listen(discovery);
    discovery.stop();
    await sleep(10 * refresh);
    assert.deepEqual(stopped, { sets: [], problems: [] });
    close();
  });
}

test('a list is told at once, as it is', () => {
  const discovery = staticDiscovery(TWO);
  assert.deepEqual(listen(discovery), { sets: [TWO], problems: [] });
  discovery.stop();
});

test('a name is asked for addresses of IPv4 and, when there are none, of IPv6; or only for those wanted', async () => {
  const server = new DnsServer();
  await server.listen();
  const found = async (options: object): Promise<string[]> => {
    const discovery = dnsDiscovery('api.test', 80, { refresh, servers: [server.address], ...options });
    const { sets } = listen(discovery);
    await until(() => sets.length > 0);
    discovery.stop();
    return sets[0]!.map(({ url }) => url).toSorted();
  };
  server.answers.set('api.test', ['192.0.2.1', '192.0.2.2', '2001:db8::1']);
  assert.deepEqual(await found({}), ['http://192.0.2.1:80', 'http://192.0.2.2:80']);
  assert.deepEqual(await found({ family: 6 }), ['http://[2001:db8::1]:80']);
  server.answers.set('api.test', ['2001:db8::1']);
  assert.deepEqual(await found({}), ['http://[2001:db8::1]:80']);
  assert.deepEqual(await found({ family: 4 }), []);
  server.close();
});

test('services without a weight hardly ever get traffic, several addresses of one share its weight, and "." is no service', async () => {
  const server = new DnsServer();
  await server.listen();
  const service = { priority: 0, port: 80 };
  server.answers.set('_http._tcp.test', [
    { ...service, weight: 0, target: 'a.test' },
    { ...service, weight: 10, target: 'b.test' },
    { ...service, weight: 10, target: 'gone.test' },
    { ...service, weight: 10, target: '.' },
  ]);
  server.answers.set('a.test', ['192.0.2.1']);
  server.answers.set('b.test', ['192.0.2.2', '192.0.2.3']);
  const discovery = srvDiscovery('_http._tcp.test', { refresh, servers: [server.address] });
  const { sets } = listen(discovery);
  await until(() => sets.length > 0);
  discovery.stop();
  assert.deepEqual(sets[0]!.map(({ url, weight }) => [url, weight]).toSorted(), [
    ['http://192.0.2.1:80', 0.01],
    ['http://192.0.2.2:80', 5],
    ['http://192.0.2.3:80', 5],
  ]);
  server.close();
});

test('a file that is being written is read when it is done', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ms-discovery-'));
  const path = join(folder, 'endpoints');
  writeFileSync(path, 'http://192.0.2.1:80\nhttp://192.0.2.2:80\n');
  const discovery = fileDiscovery(path, { refresh: 100 });
  const { sets } = listen(discovery);
  await until(() => sets.length === 1);
  for (let i = 0; i < 40; i++) {
    writeFileSync(path, i < 39 ? 'http://192.0.2.1:80\n'.repeat(i) : 'http://192.0.2.9:80\n');
    await sleep(10);
  }
  await until(() => sets.at(-1)!.length === 1 && sets.at(-1)![0]!.url === 'http://192.0.2.9:80');
  assert.ok(sets.length < 10, `${sets.length} readings`);
  discovery.stop();
  rmSync(folder, { recursive: true });
});

test('a file that was away is told again when it is back, though nothing in it has changed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ms-discovery-'));
  const path = join(folder, 'endpoints');
  writeFileSync(path, 'http://192.0.2.1:80\n');
  const discovery = fileDiscovery(path, { refresh });
  const { sets, problems } = listen(discovery);
  for (let times = 1; times <= 2; times++) {
    await until(() => sets.length === times);
    const before = problems.length;
    renameSync(path, `${path}.away`);
    await until(() => problems.length > before);
    renameSync(`${path}.away`, path);
  }
  await until(() => sets.length === 3);
  assert.ok(sets.every((set) => set.length === 1));
  discovery.stop();
  rmSync(folder, { recursive: true });
});

test('what names no place, or no sensible time, is refused', () => {
  for (const [make, message] of [
    [() => dnsDiscovery('api.test', 80, { refresh: 0 }), /"refresh" must be a duration/],
    [() => dnsDiscovery('api.test', 80, { refresh: 'soon' as never }), /"refresh" must be a duration/],
    [() => fileDiscovery('x', { refresh: 1 }), /refresh" must be a duration/],
    [() => dnsDiscovery('api.test', 'http' as never), /port" must be a whole number/],
    [() => dnsDiscovery(undefined as never, 80), /host" must be the name of a host/],
    [() => dnsDiscovery('api.test', 80, { family: 5 as never }), /"family" must be 4 or 6/],
    [() => dnsDiscovery('api.test', 80, { servers: ['there'] }), /"servers" must be a list of DNS servers/],
    [() => srvDiscovery(undefined as never), /service" must be the name of a service/],
    [() => fileDiscovery(undefined as never), /path" must be the path of a file/],
  ] as const) {
    assert.throws(make, { code: 'MS_INVALID_OPTION', message });
  }
});
