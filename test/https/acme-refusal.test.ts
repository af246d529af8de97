import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { type AcmeOptions, LoadBalancer } from 'node-multiserver';
import { Authority } from './authority.js';
import { until } from './pebble.js';

/** Pebble has no limits of this kind; here it is the whole authority that says no. */
describe('automatic HTTPS with an authority that will not', () => {
  const storage = mkdtempSync(join(tmpdir(), 'ms-acme-'));
  const opened: LoadBalancer[] = [];
  let authority: Authority;
  let server: Server;
  let directory: string;
  let asked: number[] = [];

  before(async () => {
    authority = await Authority.create();
    server = createServer(await authority.issue({ names: ['127.0.0.1'] }), (_, response) => {
      asked.push(Date.now());
      response.writeHead(429, { 'Content-Type': 'application/problem+json', 'Retry-After': '7200' });
      response.end(JSON.stringify({ type: 'urn:ietf:params:acme:error:rateLimited', detail: 'too many of yours' }));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    directory = `https://127.0.0.1:${(server.address() as AddressInfo).port}/dir`;
  });
  after(() => {
    server.close();
    rmSync(storage, { recursive: true });
  });
  afterEach(async () => {
    for (const balancer of opened.splice(0)) await balancer.close({ timeout: 0 });
  });

  /** Returns what it tells of problems; the first is that there is no certificate yet. */
  async function open(acme: AcmeOptions): Promise<string[]> {
    const https = { acme: { domains: ['a.test'], directory, ca: authority.cert, storage, ...acme } };
    const balancer = new LoadBalancer({ https });
    const told: string[] = [];
    balancer.events.on('problem', (message) => told.push(message));
    opened.push(balancer);
    await balancer.listen('http://127.0.0.1:0');
    await until(() => assert.match(told[0]!, /^There is no certificate for (a|new)\.test yet/));
    return told;
  }

  test('it is asked again when it wants to be, by no process earlier, but soon by one that was started since', async () => {
    const times: Partial<AcmeOptions> = { backoff: '3s', maxBackoff: '4s' };
    const [one, other] = await Promise.all([open(times), open(times)]);
    await until(() => assert.equal(one.length + other.length, 3));
    assert.equal(
      one[1] ?? other[1],
      'No new certificate for a.test: the authority refused: too many of yours (rateLimited). The next attempt is made in 120 min. Until then HTTPS clients that ask for it are not served.',
    );
    const since = await open(times);
    await until(() => assert.equal(since.length, 2));
    assert.equal(asked.length, 2);
    assert.ok(asked[1]! - asked[0]! >= 3000, `${asked[1]! - asked[0]!} ms`);
  });

  test('at a start it is told what clients do not get, and when it is tried again', async () => {
    asked = [];
    const folder = join(storage, 'start', readdirSync(storage)[0]!);
    mkdirSync(join(folder, 'certificates'), { recursive: true });
    mkdirSync(join(folder, 'failures'));
    const { cert, key } = await authority.issue({ names: ['old.test'], days: -1 });
    writeFileSync(join(folder, 'certificates/old.test.pem'), `${key}\n${cert}`);
    const at = Date.now();
    for (const name of ['old.test', 'new.test'])
      writeFileSync(join(folder, `failures/${name}.json`), JSON.stringify({ count: 9, at, until: at + 7_200_000 }));
    const told = await open({ domains: ['new.test', 'old.test'], storage: join(storage, 'start'), backoff: '1h' });
    await until(() => assert.equal(told.length, 2));
    assert.match(told[0]!, /has issued one\. The last attempt failed; the next is made in 60 min\.$/);
    assert.match(
      told[1]!,
      /^The certificate of old\.test expired on 20\S+Z: clients refuse it until 127\.0\.0\.1:\d+ has /,
    );
    assert.deepEqual(asked, []);
  });

  test('one that is not trusted is told as such, with what to do', async () => {
    asked = [];
    const told = await open({ ca: undefined, storage: join(storage, 'other') });
    await until(() => assert.equal(told.length, 2));
    assert.match(
      told[1]!,
      /^No new certificate for a\.test: the authority 127\.0\.0\.1:\d+ has a certificate that is not to be trusted: its issuer is not trusted \(SELF_SIGNED_CERT_IN_CHAIN\); give its root as https\.acme\.ca \(--acme-ca\) where .* The next attempt is made in \d\d s\./,
    );
    assert.deepEqual(asked, []);
  });
});
