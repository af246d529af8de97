import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { connect, type PeerCertificate } from 'node:tls';
import { type AcmeOptions, forceHttps, LoadBalancer, type MultiserverError } from 'node-multiserver';
import { freePorts, Pebble, type PebbleSettings, until } from './pebble.js';

const missing = (process.env.MULTISERVER_MISSING ?? '').split(' ').includes('pebble') && 'pebble is not here';
/** It refuses every other nonce, looks when it likes, and has two authorities between its root and us. */
const STRICT = {
  PEBBLE_WFE_NONCEREJECT: '50',
  PEBBLE_VA_NOSLEEP: '',
  PEBBLE_VA_SLEEPTIME: '1',
  PEBBLE_CHAIN_LENGTH: '3',
};

interface Site {
  readonly balancer: LoadBalancer;
  readonly problems: { readonly message: string; readonly code: string | undefined }[];
  /** Names of the certificates that were got. */
  readonly got: string[];
}

const gotFor = (site: Site, count: number) => until(() => assert.ok(site.got.length >= count, `${site.got.length}`));

describe('automatic HTTPS with Pebble', { skip: missing }, () => {
  let storage: string;
  let httpPort: number;
  let tlsPort: number;
  let pebble: Pebble;
  const ends: (() => Promise<void>)[] = [];

  beforeEach(async () => {
    storage = mkdtempSync(join(tmpdir(), 'ms-acme-'));
    [httpPort, tlsPort] = (await freePorts(2)) as [number, number];
  });
  afterEach(async () => {
    for (const end of ends.splice(0).toReversed()) await end();
    rmSync(storage, { recursive: true });
  });

  async function startPebble(settings: Partial<PebbleSettings> = {}): Promise<void> {
    pebble = await Pebble.start({ httpPort, tlsPort, ...settings });
    ends.push(() => pebble.end());
  }

  /** Listens where the authority looks, unless told otherwise. */
  async function open(
    acme: AcmeOptions,
    where = [`http://127.0.0.1:${httpPort}`, `https://127.0.0.1:${tlsPort}`],
    plugin: (balancer: LoadBalancer) => void = () => {},
  ): Promise<Site> {
    const { directory, ca } = pebble;
    const balancer = new LoadBalancer({ https: { acme: { directory, ca, storage, backoff: '500ms', ...acme } } });
    const site: Site = { balancer, problems: [], got: [] };
    balancer.events.on('problem', (message, error) =>
      site.problems.push({ message, code: (error as MultiserverError | undefined)?.code }),
    );
    balancer.events.on('certificate', (name) => site.got.push(name));
    balancer.get('/', (c) => c.text('own'));
    balancer.configure(plugin);
    ends.push(() => balancer.close({ timeout: 0 }));
    await balancer.listen(...where);
    return site;
  }

  function served(servername: string, options: { ca?: string; port?: number } = {}): Promise<PeerCertificate> {
    return new Promise((resolve, reject) => {
      const { port = tlsPort, ca } = options;
      const trust = ca === undefined ? { rejectUnauthorized: false } : { ca };
      const socket = connect({ host: '127.0.0.1', port, servername, ...trust }, () => {
        resolve(socket.getPeerCertificate());
        socket.destroy();
      });
      socket.on('error', reject);
    });
  }

  const serialServed = async (name: string, port = tlsPort) => (await served(name, { port })).serialNumber;

  /** Of a plain request. */
  function statusOf(path: string, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const call = httpRequest({ host: '127.0.0.1', port: httpPort, path, headers: { host } }, (response) => {
        resolve(response.resume().statusCode!);
      });
      call.on('error', reject).end();
    });
  }

  test('each name gets a certificate by http-01, before any redirect, from an authority that is hard to please', async () => {
    await startPebble({ env: STRICT });
    const redirect = forceHttps({ hosts: ['a.test', 'b.test', 'c.test'], mapTo: tlsPort });
    const acme = { domains: ['a.test', 'b.test', 'C.test'], email: 'me@a.test' };
    const site = await open(acme, undefined, redirect);
    await gotFor(site, 3);
    const root = await pebble.root();
    for (const name of ['a.test', 'b.test', 'c.test']) {
      assert.equal((await served(name, { ca: root })).subjectaltname, `DNS:${name}`);
      assert.match(
        site.problems.find(({ message }) => message.includes(name))!.message,
        /^There is no certificate for .* are not served until 127/,
      );
    }
    assert.equal(site.problems.length, 3, JSON.stringify(site.problems));
    assert.equal(await statusOf('/', 'a.test'), 308);
    assert.equal(await statusOf('/.well-known/acme-challenge/other', 'a.test'), 308);
    const [folder] = readdirSync(storage);
    assert.deepEqual(readdirSync(join(storage, folder!)), ['account.pem', 'certificates', 'challenges']);
    assert.deepEqual(readdirSync(join(storage, folder!, 'challenges')), []);
  });

  test('renewal under load costs no handshake and no connection', async () => {
    await startPebble({ validity: 6 });
    const site = await open({ domains: ['a.test'] });
    await gotFor(site, 1);
    const serials = new Set<string>();
    const load = { done: false, handshakes: 0 };
    const loop = async () => {
      for (; !load.done; load.handshakes++) serials.add(await serialServed('a.test'));
    };
    const kept = connect({ host: '127.0.0.1', port: tlsPort, servername: 'a.test', rejectUnauthorized: false });
    let lost = false;
    kept.on('error', () => (lost = true)).on('close', () => (lost = true));
    const loads = Promise.all([loop(), loop()]);
    await Promise.race([gotFor(site, 2), loads]);
    await Promise.race([until(() => assert.equal(serials.size, site.got.length)), loads]);
    load.done = true;
    await loads;
    assert.equal(lost, false);
    kept.destroy();
    assert.ok(serials.size >= 2, `${serials.size} certificates in ${load.handshakes} handshakes`);
    assert.deepEqual(site.problems.slice(1), []);
  });

  test('while the authority is down the old certificate is served, and it is asked again, less and less often', async () => {
    await startPebble({ validity: 6 });
    const site = await open({ domains: ['a.test'], backoff: '100ms', maxBackoff: '2s' });
    await gotFor(site, 1);
    await pebble.kill();
    const serial = await serialServed('a.test');
    await until(() => assert.ok(site.problems.length >= 4));
    assert.equal(await serialServed('a.test'), serial);
    const failures = site.problems.slice(1);
    for (const { code, message } of failures) {
      assert.equal(code, 'MS_ACME_FAILED');
      assert.match(
        message,
        /^No new certificate for a\.test: the authority 127\.0\.0\.1:\d+ cannot be reached \(.*ECONNREFUSED/,
      );
      assert.match(message, /The one in use(, valid until 20\S+Z, stays\.| expired on 20\S+Z: clients refuse it\.)$/);
    }
    assert.match(failures[2]!.message, /Tried again in 1 s\./);
    const before = site.got.length;
    await pebble.revive();
    await gotFor(site, before + 1);
    assert.notEqual(await serialServed('a.test'), serial);
  });

  test('after a restart the stored certificate is served without asking the authority', async () => {
    await startPebble();
    const first = await open({ domains: ['a.test'] });
    await gotFor(first, 1);
    const serial = await serialServed('a.test');
    await first.balancer.close({ timeout: 0 });
    const again = await open({ domains: ['a.test', 'b.test'] });
    assert.equal(await serialServed('a.test'), serial);
    await gotFor(again, 1);
    assert.deepEqual(again.got, ['b.test']);
    assert.equal(pebble.orders, 2, 'one for each');
    await again.balancer.close({ timeout: 0 });
    await pebble.kill();
    const alone = await open({ domains: ['a.test', 'b.test'] });
    assert.equal(await serialServed('a.test'), serial);
    assert.deepEqual(alone.problems, []);
  });

  test('what is broken in the storage is told, and got again', async () => {
    await startPebble();
    const first = await open({ domains: ['a.test'] });
    await gotFor(first, 1);
    await first.balancer.close({ timeout: 0 });
    const folder = join(storage, readdirSync(storage)[0]!);
    const file = join(folder, 'certificates', 'a.test.pem');
    writeFileSync(file, readFileSync(file, 'latin1').slice(0, 1200));
    writeFileSync(join(folder, 'account.pem'), 'none');
    const again = await open({ domains: ['a.test'] });
    await gotFor(again, 1);
    assert.match(again.problems[0]!.message, /^The certificate \S+a\.test\.pem .* A new one is ordered\.$/);
    assert.match(
      again.problems[1]!.message,
      /^The account key \S+account\.pem cannot be used; a new account is made\.$/,
    );
    assert.equal(again.problems.length, 2);
    assert.equal((await served('a.test', { ca: await pebble.root() })).subjectaltname, 'DNS:a.test');
  });

  test('a name that the authority does not find here is told with its reason, and does not keep others waiting', async () => {
    await startPebble({ elsewhere: { 'wrong.test': '127.0.0.2' } });
    const site = await open({ domains: ['wrong.test', 'right.test'], challenge: 'http-01' });
    await gotFor(site, 1);
    assert.deepEqual(site.got, ['right.test']);
    const { message, code } = site.problems[2]!;
    assert.equal(code, 'MS_ACME_FAILED');
    assert.match(
      message,
      /by http-01, at port 80, that wrong\.test is this server: .*127\.0\.0\.2.* refused \(connection\)/,
    );
  });

  test('where only HTTPS is listened on, tls-alpn-01 is used, and clients meanwhile are served as ever', async () => {
    await startPebble({ validity: 6 });
    const site = await open({ domains: ['a.test'] }, [`https://127.0.0.1:${tlsPort}`]);
    await gotFor(site, 1);
    while (site.got.length < 2) assert.equal((await served('a.test')).subjectaltname, 'DNS:a.test');
    assert.deepEqual(site.problems.slice(1), []);
  });

  test('http-01 without a plain address says what is missing; without a certificate handshakes are refused', async () => {
    await startPebble();
    const site = await open({ domains: ['a.test'], challenge: 'http-01' }, [`https://127.0.0.1:${tlsPort}`]);
    await until(() => assert.equal(site.problems.length, 2));
    assert.match(
      site.problems[1]!.message,
      /http-01 needs a plain address, .* listen at "http:\/\/80" too\. Tried again/,
    );
  });

  test('of several processes with one storage only one orders, whichever the authority then looks at', async () => {
    await startPebble();
    const domains = ['a.test', 'b.test'];
    const [, otherPort] = (await freePorts(2)) as [number, number];
    const sites = await Promise.all([
      open({ domains }, ['http://127.0.0.1:0', `https://127.0.0.1:${otherPort}`]),
      open({ domains }),
    ]);
    await until(() => assert.equal(sites[0].got.length + sites[1].got.length, 2));
    const root = await pebble.root();
    for (const name of domains) {
      for (const port of [tlsPort, otherPort]) await until(() => served(name, { port, ca: root }));
      assert.equal(await serialServed(name, tlsPort), await serialServed(name, otherPort));
    }
    assert.equal(pebble.orders, 2);
  });
});
