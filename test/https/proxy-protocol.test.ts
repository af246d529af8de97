import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, get, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectSecurely } from 'node:tls';
import { formatAddress, LoadBalancer, type LoadBalancerOptions } from 'node-multiserver';
import { Authority, type Issued } from './authority.js';
import { freePort, haproxyMissing, withHaproxy } from './haproxy.js';

let origin: Server;
let originUrl: string;
let issued: Issued;

before(async () => {
  issued = await (await Authority.create()).issue({ names: ['localhost'] });
  origin = createServer((req, res) => {
    const { 'x-forwarded-for': client, 'x-forwarded-port': port, 'x-forwarded-proto': proto } = req.headers;
    res.end(`${client} ${port} ${proto} ${req.url}`);
  }).listen(0, '127.0.0.1');
  await once(origin, 'listening');
  originUrl = `http://127.0.0.1:${(origin.address() as AddressInfo).port}`;
});
after(() => origin.close());

async function serving(
  options: LoadBalancerOptions,
  play: (port: number, balancer: LoadBalancer, problems: readonly string[]) => Promise<void>,
): Promise<void> {
  const balancer = new LoadBalancer({ proxyProtocol: true, trustedProxies: ['loopback'], ...options });
  const problems: string[] = [];
  balancer.events.on('problem', (message) => problems.push(message));
  balancer.endpoints.add(originUrl);
  const [address] = await balancer.listen('127.0.0.1:0');
  assert.ok(address !== undefined && 'port' in address);
  try {
    await play(address.port, balancer, problems);
  } finally {
    await balancer.close({ timeout: 0 });
  }
}

const V1 = 'PROXY TCP4 192.0.2.7 198.51.100.1 50000 8443\r\n';
const REQUEST = 'GET /x HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n';

/** All that comes back for what is written, piece by piece. */
async function answer(socket: Socket, ...pieces: string[]): Promise<string> {
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk) => (text += String(chunk)));
  socket.on('error', () => {});
  const closed = once(socket, 'close');
  for (const piece of pieces) {
    socket.write(piece, 'latin1');
    await sleep(10);
  }
  await closed;
  return text;
}

describe('behind a proxy that names the client', () => {
  test('the client is the one named, in both versions, and however the octets come', async () => {
    await serving({}, async (port) => {
      const v2 = '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\xc6\x33\x64\x01\xc3\x50\x20\xfb';
      for (const header of [V1, v2]) {
        const octets = [...header];
        for (const pieces of [[header + REQUEST], [header, REQUEST], [...octets, REQUEST]]) {
          assert.match(await answer(connect(port, '127.0.0.1'), ...pieces), /\r\n\r\n192\.0\.2\.7 8443 http \/x$/);
        }
      }
      const local = '\r\n\r\n\0\r\nQUIT\n\x20\0\0\0';
      assert.match(await answer(connect(port, '127.0.0.1'), local + REQUEST), /\r\n\r\n127\.0\.0\.1 \d+ http \/x$/);
    });
  });

  test('over TLS, too', async () => {
    await serving({ https: issued }, async (port) => {
      const raw = connect(port, '127.0.0.1');
      raw.write(V1);
      const socket = connectSecurely({ socket: raw, servername: 'localhost', rejectUnauthorized: false });
      assert.match(await answer(socket, REQUEST), /\r\n\r\n192\.0\.2\.7 8443 https \/x$/);
    });
  });

  test('over TLS on a Unix socket, where all have the same address, nobody is taken for another', async () => {
    await serving({ https: issued }, async (_, balancer) => {
      const path = join(mkdtempSync(join(tmpdir(), 'ms-proxied-')), 'front.sock');
      const [address] = await balancer.listen({ path, secure: true });
      assert.equal(formatAddress(address!), `https://unix:${path}`);
      const names = Array.from({ length: 8 }, (_, i) => `192.0.2.${i}`);
      const texts = names.map((name) => {
        const raw = connect(path);
        raw.write(`PROXY TCP4 ${name} 198.51.100.1 50000 8443\r\n`);
        return answer(connectSecurely({ socket: raw, servername: 'localhost', rejectUnauthorized: false }), REQUEST);
      });
      for (const [i, text] of (await Promise.all(texts)).entries()) {
        assert.equal(text.split('\r\n\r\n')[1], `${names[i]} 8443 https /x`);
      }
      rmSync(dirname(path), { recursive: true });
    });
  });

  test('who names nobody, or not in time, is closed and counted', async () => {
    await serving({ headTimeout: 300 }, async (port, balancer, problems) => {
      assert.equal(await answer(connect(port, '127.0.0.1'), REQUEST), '');
      assert.equal(await answer(connect(port, '127.0.0.1'), 'PROXY TCP4 '), '');
      const gone = connect(port, '127.0.0.1');
      gone.end('PROXY');
      await answer(gone);
      const silent = connect(port, '127.0.0.1');
      silent.end();
      await answer(silent);
      assert.equal(balancer.status().errors['MS_BAD_PROXY_HEADER'], 4);
      assert.deepEqual(problems, [
        'What came from 127.0.0.1 does not begin with a valid header of the PROXY protocol.',
      ]);
      assert.equal(balancer.status().connections, 0);
    });
  });

  test('a stranger is not believed', async () => {
    await serving({ trustedProxies: ['192.0.2.1'] }, async (port, balancer, problems) => {
      for (let i = 0; i < 2; i++) assert.equal(await answer(connect(port, '127.0.0.1'), V1 + REQUEST), '');
      assert.equal(balancer.status().errors['MS_BAD_PROXY_HEADER'], 2);
      assert.match(problems.join(), /^127\.0\.0\.1 is none of trustedProxies, [^,]*$/);
    });
  });

  test('without somebody who may name clients it does not start', async () => {
    const rule = { code: 'MS_INVALID_OPTION', message: /"proxyProtocol" needs .*"trustedProxies"/ };
    assert.throws(() => new LoadBalancer({ proxyProtocol: true }), rule);
    await assert.rejects(new LoadBalancer().listen({ port: 0, proxyProtocol: true }), rule);
    await serving({}, async (_, balancer) => {
      assert.throws(() => balancer.reconfigure({ trustedProxies: [] }), rule);
    });
  });

  test('an address may be without it', async () => {
    await serving({}, async (_, balancer) => {
      const [plain] = await balancer.listen({ host: '127.0.0.1', port: 0, proxyProtocol: false });
      assert.ok(plain !== undefined && 'port' in plain);
      assert.match(await answer(connect(plain.port, '127.0.0.1'), REQUEST), /\r\n\r\n127\.0\.0\.1 \d+ http \/x$/);
    });
  });
});

test('HAProxy in front', { skip: haproxyMissing }, async () => {
  await serving({}, async (port) => {
    const fronts = [await freePort(), await freePort()];
    const sections = fronts.map(
      (front, i) => `
listen v${i + 1}
  bind 127.0.0.1:${front}
  server multiserver 127.0.0.1:${port} send-proxy${i === 0 ? '' : '-v2'}`,
    );
    await withHaproxy(sections.join(''), fronts, async () => {
      for (const front of fronts) assert.equal(await textFor(front), `127.0.0.3 ${front} http /x`);
    });
  });
});

/** The answer to a client of an address of its own. */
async function textFor(port: number): Promise<string> {
  const call = get({ host: '127.0.0.1', port, path: '/x', localAddress: '127.0.0.3', agent: false });
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  let text = '';
  for await (const piece of response.setEncoding('utf8')) text += String(piece);
  return text;
}
