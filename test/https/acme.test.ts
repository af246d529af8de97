import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
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

/** Of clients that connect all the time: others want to work, too, ms. */
const PAUSE = 3;

interface Site {
  readonly balancer: LoadBalancer;
  readonly problems: { readonly message: string; readonly code: string | undefined }[];
  /** Names of the certificates that were got. */
  readonly got: string[];
}

/** On a machine with too much to do, Pebble may need longer than it is waited for; then it is asked again. */
const isNoDelay = ({ message }: { readonly message: string }): boolean => !message.includes('(no answer within ');

const gotFor = (site: Site, count: number) => until(() => assert.ok(site.got.length >= count, `${site.got.length}`));

/** An authority, and the ports of this machine that it looks at. */
class Place {
  readonly httpPort: number;
  readonly tlsPort: number;
  readonly pebble: Pebble;
  readonly storage: string = mkdtempSync(join(tmpdir(), 'ms-acme-'));
  readonly #opened: LoadBalancer[] = [];

  static async create(t: TestContext, settings: Partial<PebbleSettings> = {}): Promise<Place> {
    const [httpPort, tlsPort] = (await freePorts(2)) as [number, number];
    const place = new Place(httpPort, tlsPort, await Pebble.start({ httpPort, tlsPort, ...settings }));
    t.after(() => place.#end());
    return place;
  }

  private constructor(httpPort: number, tlsPort: number, pebble: Pebble) {
    this.httpPort = httpPort;
    this.tlsPort = tlsPort;
    this.pebble = pebble;
  }

  async #end(): Promise<void> {
    for (const balancer of this.#opened) await balancer.close({ timeout: 0 });
    await this.pebble.end();
    rmSync(this.storage, { recursive: true });
  }

  /** Listens where the authority looks, unless told otherwise. */
  async open(
    acme: AcmeOptions,
    where = [`http://127.0.0.1:${this.httpPort}`, `https://127.0.0.1:${this.tlsPort}`],
    plugin: (balancer: LoadBalancer) => void = () => {},
  ): Promise<Site> {
    const { storage } = this;
    const { directory, ca } = this.pebble;
    const balancer = new LoadBalancer({ https: { acme: { directory, ca, storage, backoff: '500ms', ...acme } } });
    const site: Site = { balancer, problems: [], got: [] };
    balancer.events.on('problem', (message, error) =>
      site.problems.push({ message, code: (error as MultiserverError | undefined)?.code }),
    );
    balancer.events.on('certificate', (name) => site.got.push(name));
    balancer.get('/', (c) => c.text('own'));
    balancer.configure(plugin);
    this.#opened.push(balancer);
    await balancer.listen(...where);
    return site;
  }

  served(servername: string, options: { ca?: string; port?: number } = {}): Promise<PeerCertificate> {
    return new Promise((resolve, reject) => {
      const { port = this.tlsPort, ca } = options;
      const trust = ca === undefined ? { rejectUnauthorized: false } : { ca };
      const socket = connect({ host: '127.0.0.1', port, servername, ...trust }, () => {
        resolve(socket.getPeerCertificate());
        socket.destroy();
      });
      socket.on('error', reject);
    });
  }

  async serialServed(name: string, port = this.tlsPort): Promise<string> {
    return (await this.served(name, { port })).serialNumber;
  }

  /** Of a plain request. */
  statusOf(path: string, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const call = httpRequest({ host: '127.0.0.1', port: this.httpPort, path, headers: { host } }, (response) => {
        resolve(response.resume().statusCode!);
      });
      call.on('error', reject).end();
    });
  }
}

// Mostly they wait, for a certificate to get old.
describe('automatic HTTPS with Pebble', { skip: missing, concurrency: 3 }, () => {
  test('each name gets a certificate by http-01, before any redirect, from an authority that is hard to please', async (t) => {
    const place = await Place.create(t, { env: STRICT });
    const redirect = forceHttps({ hosts: ['a.test', 'b.test', 'c.test'], mapTo: place.tlsPort });
    const acme = { domains: ['a.test', 'b.test', 'C.test'], email: 'me@a.test' };
    const site = await place.open(acme, undefined, redirect);
    await gotFor(site, 3);
    const root = await place.pebble.root();
    for (const name of ['a.test', 'b.test', 'c.test']) {
      assert.equal((await place.served(name, { ca: root })).subjectaltname, `DNS:${name}`);
      assert.match(
        site.problems.find(({ message }) => message.includes(name))!.message,
        /^There is no certificate for .* are not served until 127/,
      );
    }
    assert.equal(site.problems.filter(isNoDelay).length, 3, JSON.stringify(site.problems));
    assert.equal(await place.statusOf('/', 'a.test'), 308);
    assert.equal(await place.statusOf('/.well-known/acme-challenge/other', 'a.test'), 308);
    const [folder] = readdirSync(place.storage);
    const kept = readdirSync(join(place.storage, folder!)).filter((name) => name !== 'failures');
    assert.deepEqual(kept, ['account.pem', 'certificates', 'challenges']);
    assert.deepEqual(readdirSync(join(place.storage, folder!, 'challenges')), []);
  });

  test('renewal under load costs no handshake and no connection', async (t) => {
    const place = await Place.create(t, { validity: 6 });
    const site = await place.open({ domains: ['a.test'] });
    await gotFor(site, 1);
    const serials = new Set<string>();
    const load = { done: false, handshakes: 0 };
    const loop = async () => {
      for (; !load.done; load.handshakes++) {
        serials.add(await place.serialServed('a.test'));
        await sleep(PAUSE);
      }
    };
    const kept = connect({ host: '127.0.0.1', port: place.tlsPort, servername: 'a.test', rejectUnauthorized: false });
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
    assert.deepEqual(site.problems.slice(1).filter(isNoDelay), []);
  });

  test('while the authority is down the old certificate is served, and it is asked again, less and less often', async (t) => {
    const place = await Place.create(t, { validity: 6 });
    const site = await place.open({ domains: ['a.test'], backoff: '100ms', maxBackoff: '2s' });
    await gotFor(site, 1);
    await place.pebble.kill();
    const serial = await place.serialServed('a.test');
    // One attempt may have been cut off by the end of the authority.
    const refused = () => site.problems.filter(({ message }) => message.includes('ECONNREFUSED'));
    await until(() => assert.ok(refused().some(({ message }) => message.includes('The next attempt is made in 2 s.'))));
    assert.equal(await place.serialServed('a.test'), serial);
    assert.ok(refused().length > 2);
    for (const { code, message } of refused()) {
      assert.equal(code, 'MS_ACME_FAILED');
      assert.match(message, /^No new certificate for a\.test: the authority 127\.0\.0\.1:\d+ cannot be reached \(/);
      assert.match(message, /The one in use(, valid until 20\S+Z, stays\.| expired on 20\S+Z: clients refuse it\.)$/);
    }
    const before = site.got.length;
    await place.pebble.revive();
    await gotFor(site, before + 1);
    assert.notEqual(await place.serialServed('a.test'), serial);
  });

  test('after a restart the stored certificate is served without asking the authority', async (t) => {
    const place = await Place.create(t);
    const first = await place.open({ domains: ['a.test'] });
    await gotFor(first, 1);
    const serial = await place.serialServed('a.test');
    await first.balancer.close({ timeout: 0 });
    const again = await place.open({ domains: ['a.test', 'b.test'] });
    assert.equal(await place.serialServed('a.test'), serial);
    await gotFor(again, 1);
    assert.deepEqual(again.got, ['b.test']);
    await again.balancer.close({ timeout: 0 });
    await place.pebble.kill();
    const alone = await place.open({ domains: ['a.test', 'b.test'] });
    assert.equal(await place.serialServed('a.test'), serial);
    assert.deepEqual(alone.problems, []);
  });

  test('what is broken in the storage is told, and got again', async (t) => {
    const place = await Place.create(t);
    const first = await place.open({ domains: ['a.test'] });
    await gotFor(first, 1);
    await first.balancer.close({ timeout: 0 });
    const folder = join(place.storage, readdirSync(place.storage)[0]!);
    const file = join(folder, 'certificates', 'a.test.pem');
    writeFileSync(file, readFileSync(file, 'latin1').slice(0, 1200));
    writeFileSync(join(folder, 'account.pem'), 'none');
    const again = await place.open({ domains: ['a.test'] });
    await gotFor(again, 1);
    const [broken, unusable, ...more] = again.problems.filter(isNoDelay);
    assert.match(broken!.message, /^The certificate \S+a\.test\.pem .* A new one is ordered\.$/);
    assert.match(unusable!.message, /^The account key \S+account\.pem cannot be used; a new account is made\.$/);
    assert.deepEqual(more, []);
    assert.equal((await place.served('a.test', { ca: await place.pebble.root() })).subjectaltname, 'DNS:a.test');
  });

  test('a name that the authority does not find here is told with its reason, and does not keep others waiting', async (t) => {
    const place = await Place.create(t, { elsewhere: { 'wrong.test': '127.0.0.2' } });
    const site = await place.open({ domains: ['wrong.test', 'right.test'], challenge: 'http-01' });
    await gotFor(site, 1);
    assert.deepEqual(site.got, ['right.test']);
    const { message, code } = await until(() => {
      const failure = site.problems.find(
        (problem) => /^No new .* wrong\.test/.test(problem.message) && isNoDelay(problem),
      );
      assert.ok(failure);
      return failure;
    });
    assert.equal(code, 'MS_ACME_FAILED');
    assert.match(
      message,
      /by http-01, at port 80, that wrong\.test is this server: .*127\.0\.0\.2.* refused \(connection\)/,
    );
  });

  test('where only HTTPS is listened on, tls-alpn-01 is used, and clients meanwhile are served as ever', async (t) => {
    const place = await Place.create(t, { validity: 6 });
    const site = await place.open({ domains: ['a.test'] }, [`https://127.0.0.1:${place.tlsPort}`]);
    await gotFor(site, 1);
    while (site.got.length < 2) {
      assert.equal((await place.served('a.test')).subjectaltname, 'DNS:a.test');
      await sleep(PAUSE);
    }
    assert.deepEqual(site.problems.slice(1).filter(isNoDelay), []);
  });

  test('http-01 without a plain address says what is missing; without a certificate handshakes are refused', async (t) => {
    const place = await Place.create(t);
    const site = await place.open({ domains: ['a.test'], challenge: 'http-01' }, [
      `https://127.0.0.1:${place.tlsPort}`,
    ]);
    await until(() => assert.equal(site.problems.length, 2));
    assert.match(
      site.problems[1]!.message,
      /http-01 needs a plain address, .* listen at "http:\/\/80" too\. The next attempt/,
    );
    await assert.rejects(place.served('a.test'), /alert handshake failure/);
  });

  test('of several processes with one storage only one orders, whichever the authority then looks at', async (t) => {
    const place = await Place.create(t);
    const domains = ['a.test', 'b.test'];
    const [, otherPort] = (await freePorts(2)) as [number, number];
    const sites = await Promise.all([
      place.open({ domains }, ['http://127.0.0.1:0', `https://127.0.0.1:${otherPort}`]),
      place.open({ domains }),
    ]);
    await until(() => assert.equal(sites[0].got.length + sites[1].got.length, 2));
    const root = await place.pebble.root();
    for (const name of domains) {
      for (const port of [place.tlsPort, otherPort]) await until(() => place.served(name, { port, ca: root }));
      assert.equal(await place.serialServed(name, place.tlsPort), await place.serialServed(name, otherPort));
    }
    assert.deepEqual([...sites[0].got, ...sites[1].got].toSorted(), domains);
  });
});
