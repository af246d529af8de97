import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request as httpRequest, type Server } from 'node:http';
import { Agent, request, type RequestOptions } from 'node:https';
import { type AddressInfo, connect as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { forceHttps, type HttpsOptions, LoadBalancer } from 'node-multiserver';
import { Authority, type Issued } from './authority.js';

const SWAPS = process.env.MULTISERVER_LONG ? 1000 : 40;

let folder: string;
let authority: Authority;
let origin: Server;
let originUrl: string;
let good: Issued;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ms-https-'));
  authority = await Authority.create();
  good = await authority.issue({ names: ['good.example', '127.0.0.1'] });
  origin = createServer((req, res) => res.end(`${req.headers['x-forwarded-proto']} ${req.url}`));
  origin.listen(0, '127.0.0.1');
  await once(origin, 'listening');
  originUrl = `http://127.0.0.1:${(origin.address() as AddressInfo).port}`;
});
after(() => {
  origin.close();
  rmSync(folder, { recursive: true });
});

interface Running {
  readonly balancer: LoadBalancer;
  readonly port: number;
  readonly problems: string[];
}

/** A balancer before the origin, for the length of a test. */
async function serving(https: HttpsOptions, play: (running: Running) => Promise<void>): Promise<void> {
  const balancer = new LoadBalancer({ https });
  const problems: string[] = [];
  balancer.events.on('problem', (message) => problems.push(message));
  balancer.endpoints.add(originUrl);
  const [address] = await balancer.listen('127.0.0.1:0');
  assert.ok(address !== undefined && 'port' in address && address.secure);
  try {
    await play({ balancer, port: address.port, problems });
  } finally {
    await balancer.close({ timeout: 0 });
  }
}

async function nameServed(port: number, servername: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, servername, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}

function get(port: number, options: RequestOptions = {}): Promise<{ status: number; text: string; socket: TLSSocket }> {
  return new Promise((resolve, reject) => {
    const call = request(
      { host: '127.0.0.1', port, servername: 'good.example', ca: authority.cert, ...options },
      (response) => {
        const socket = response.socket as TLSSocket;
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (piece) => (text += piece));
        response.on('end', () => resolve({ status: response.statusCode!, text, socket }));
        response.on('error', reject);
      },
    );
    call.on('error', reject).end();
  });
}

function files(issued: Issued, name: string): { cert: string; key: string } {
  const paths = { cert: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
  writeFileSync(paths.cert, issued.cert);
  writeFileSync(paths.key, issued.key);
  return paths;
}

test('a client speaks HTTPS, and the endpoint is told', async () => {
  await serving(good, async ({ port, balancer }) => {
    balancer.get('/own', (c) => c.json(c.env.client.encrypted));
    const { status, text, socket } = await get(port, { path: '/x' });
    assert.deepEqual([status, text], [200, 'https /x']);
    assert.equal(socket.alpnProtocol, false, 'this client offered no protocol');
    assert.equal((await get(port, { path: '/own' })).text, 'true');
  });
});

test('only TLS 1.2 and newer with AEAD suites is spoken', async () => {
  await serving(good, async ({ port }) => {
    const tries = [
      { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' },
      { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA' },
    ] as const;
    for (const options of tries) {
      const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options });
      const [error] = (await once(socket, 'error')) as [Error];
      assert.match(error.message, /alert|no protocols|handshake|unsupported/i);
    }
  });
});

test('the certificate is chosen by the name that the client asks for', async () => {
  const names = [['default.example'], ['a.example', 'b.example'], ['*.wild.example'], ['deep.wild.example']];
  const [first, ...certificates] = await Promise.all(names.map((list) => authority.issue({ names: list })));
  await serving({ ...first!, certificates }, async ({ port }) => {
    assert.equal(await nameServed(port, 'a.example'), 'a.example');
    assert.equal(await nameServed(port, 'B.EXAMPLE'), 'a.example');
    assert.equal(await nameServed(port, 'x.wild.example'), '*.wild.example');
    assert.equal(await nameServed(port, 'deep.wild.example'), 'deep.wild.example');
    assert.equal(await nameServed(port, 'too.far.wild.example'), 'default.example');
    assert.equal(await nameServed(port, 'wild.example'), 'default.example');
    assert.equal(await nameServed(port, 'unknown.example'), 'default.example');
    assert.equal(await nameServed(port, ''), 'default.example');
  });
});

test('a certificate that is replaced under load costs no handshake and no connection', async () => {
  const versions = await Promise.all([1, 2].map((i) => authority.issue({ names: ['good.example', `v${i}.example`] })));
  const paths = files(versions[0]!, 'swapped');
  await serving(paths, async ({ balancer, port, problems }) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const kept = (await get(port, { agent })).socket;
    const load = { done: false, served: 0 };
    const loop = async () => {
      for (; !load.done; load.served++) assert.equal((await get(port, { agent: false })).status, 200);
    };
    const loads = Promise.all([loop(), loop()]).finally(() => (load.done = true));
    for (let i = 1; i <= SWAPS && !load.done; i++) {
      files(versions[i % 2]!, 'swapped');
      balancer.reloadCertificates();
      await get(port, { agent });
    }
    const { socket } = await get(port, { agent: false });
    assert.match(socket.getPeerCertificate().subjectaltname ?? '', /v1\.example/);
    load.done = true;
    await loads;
    assert.equal((await get(port, { agent })).socket, kept, 'the connection from before the first swap still serves');
    assert.ok(load.served > 0);
    assert.deepEqual(problems, []);
    agent.destroy();
  });
});

test('changed files are noticed without being told', async () => {
  const paths = files(good, 'watched');
  await serving(paths, async ({ port }) => {
    files(await authority.issue({ names: ['fresh.example'] }), 'watched');
    while ((await nameServed(port, '')) !== 'fresh.example') await new Promise((resolve) => setTimeout(resolve, 200));
  });
});

describe('a bad certificate is refused, and the one in use stays', () => {
  const cases: [what: string, make: () => Promise<Issued>, why: RegExp][] = [
    [
      'of another key',
      async () => ({ cert: good.cert, key: (await authority.issue({ names: ['x'] })).key }),
      /does not belong/,
    ],
    ['that has expired', () => authority.issue({ names: ['good.example'], days: -1 }), /expired on \d{4}-/],
    ['that is no PEM', async () => ({ ...good, cert: 'half a file' }), /no PEM file/],
    ['whose key is no PEM', async () => ({ ...good, key: 'half a file' }), /private key .* no valid PEM key/],
    [
      'whose chain is broken',
      async () => ({ ...good, cert: good.cert.replace(authority.cert, (await Authority.create()).cert) }),
      /broken chain/,
    ],
  ];
  for (const [what, make, why] of cases) {
    test(what, async () => {
      const bad = await make();
      const paths = files(good, 'refused');
      await serving(paths, async ({ balancer, port, problems }) => {
        files(bad, 'refused');
        balancer.reloadCertificates();
        assert.equal(await nameServed(port, 'good.example'), 'good.example');
        assert.equal(problems.length, 1);
        assert.match(problems[0]!, why);
        assert.match(problems[0]!, /The one in use stays\.$/);
      });
      if (what === 'that has expired') return;
      // Nor is it taken at start.
      assert.throws(() => new LoadBalancer({ https: files(bad, 'bad') }), { code: 'MS_BAD_CERTIFICATE', message: why });
    });
  }

  test('a missing file and a half-given pair are named', () => {
    assert.throws(
      () => LoadBalancer.secure('/nowhere/a.crt', good.key),
      /certificate \/nowhere\/a\.crt cannot be read: there is no such file/,
    );
    assert.throws(
      () => new LoadBalancer({ https: { cert: good.cert } }),
      /"https\.cert" was given without "https\.key"/,
    );
  });
});

test('a session is resumed at another balancer and after a restart', async () => {
  const ticketKeys = join(folder, 'state/tickets');
  let session: Buffer | undefined;
  const resumed = async (https: HttpsOptions): Promise<boolean> => {
    let reused = false;
    await serving(https, async ({ port }) => {
      const known = session === undefined ? {} : { session };
      const socket = connect({ host: '127.0.0.1', port, servername: 'good.example', ca: authority.cert, ...known });
      const tickets = once(socket, 'session');
      await once(socket, 'secureConnect');
      reused = socket.isSessionReused();
      if (session === undefined) [session] = (await tickets) as [Buffer];
      socket.destroy();
    });
    return reused;
  };
  assert.equal(await resumed({ ...good, ticketKeys }), false);
  assert.equal(await resumed({ ...good, ticketKeys }), true);
  assert.equal(await resumed(good), false, 'other keys know nothing of it');
});

test('a client that does not finish its handshake is let go, and does not keep the balancer from closing', async () => {
  await serving({ ...good, handshakeTimeout: 200 }, async ({ balancer, port }) => {
    const mute = connectPlain(port, '127.0.0.1').on('error', () => {});
    await once(mute, 'close');
    const garbage = connectPlain(port, '127.0.0.1').on('error', () => {});
    garbage.write('SSH-2.0-OpenSSH_9.2\r\n');
    garbage.resume();
    await once(garbage, 'close');
    const late = connectPlain(port, '127.0.0.1').on('error', () => {});
    await once(late, 'connect');
    await balancer.close();
    if (!late.closed) await once(late, 'close');
  });
});

test('a client that speaks plain HTTP to the port of HTTPS is told so', async () => {
  await serving(good, async ({ balancer, port }) => {
    const client = connectPlain(port, '127.0.0.1').on('error', () => {});
    client.write('GET / HTTP/1.1\r\nHost: good.example\r\n\r\n');
    let text = '';
    for await (const piece of client.setEncoding('latin1')) text += String(piece);
    assert.match(text, /^HTTP\/1\.1 400 Bad Request\r\n/);
    assert.match(text, /This port takes HTTPS only/);
    assert.equal(balancer.status().errors.MS_PLAIN_HTTP, 1);
  });
});

test('a plain listener beside it sends clients over', async () => {
  await serving(good, async ({ balancer, port }) => {
    balancer.configure(forceHttps({ hosts: ['good.example'], mapTo: port, hsts: true }));
    const [plain] = await balancer.listen('http://127.0.0.1:0');
    assert.ok(plain !== undefined && 'port' in plain && !plain.secure);
    const location = await new Promise((resolve, reject) => {
      httpRequest(
        { port: plain.port, host: '127.0.0.1', path: '/a?b', headers: { host: 'good.example' } },
        (response) => {
          response.resume();
          resolve([response.statusCode, response.headers.location]);
        },
      )
        .on('error', reject)
        .end();
    });
    assert.deepEqual(location, [308, `https://good.example:${port}/a?b`]);
    assert.equal((await get(port, { path: '/a?b' })).text, 'https /a?b');
  });
});
