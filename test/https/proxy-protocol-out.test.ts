import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { LoadBalancer, type LoadBalancerOptions } from 'node-multiserver';
import { WebSocket, WebSocketServer } from 'ws';
import { Authority, type Issued } from './authority.js';
import { freePort, haproxyMissing, withHaproxy } from './haproxy.js';

let authority: Authority;
let issued: Issued;

before(async () => {
  authority = await Authority.create();
  issued = await authority.issue({ names: ['localhost', '127.0.0.1'] });
});

/** A balancer of these options, and the port it listens on. */
async function balancing(
  options: LoadBalancerOptions,
  play: (port: number, balancer: LoadBalancer) => Promise<void>,
  host = '127.0.0.1',
): Promise<void> {
  const balancer = new LoadBalancer(options);
  try {
    const [address] = await balancer.listen({ host, port: 0 });
    assert.ok(address !== undefined && 'port' in address);
    await play(address.port, balancer);
  } finally {
    await balancer.close({ timeout: 0 });
  }
}

const KEPT = new Agent({ keepAlive: true, maxSockets: 1 });
after(() => KEPT.destroy());

interface Answer {
  readonly text: string;
  /** Of the client. */
  readonly from: number;
}

async function ask(port: number, host: string, localAddress: string, agent: Agent | false = false): Promise<Answer> {
  const call = get({ host, port, localAddress, agent });
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  const from = response.socket.localPort!;
  let text = '';
  for await (const piece of response.setEncoding('utf8')) text += String(piece);
  return { text, from };
}

describe('HAProxy as an endpoint that wants to be told the client', { skip: haproxyMissing }, () => {
  for (const version of [1, 2] as const) {
    for (const secure of [false, true]) {
      test(`by version ${version}${secure ? ', before TLS' : ''}`, async () => {
        const port = await freePort();
        const tls = secure ? ' ssl crt both.pem' : '';
        const sections = `
frontend front
  bind localhost:${port} accept-proxy${tls}
  http-request return status 200 content-type text/plain lf-string "%[src] %[src_port] %[dst] %[dst_port] %[req.hdr(x)]"`;
        const play = async () => {
          const endpoints = [`${secure ? 'https' : 'http'}://localhost:${port}`];
          const options = { endpoints, endpointProxyProtocol: version, endpointTls: { ca: authority.cert } };
          for (const [host, client] of [
            ['127.0.0.1', '127.0.0.3'],
            ['::1', '::1'],
          ] as const) {
            // prettier-ignore
            await balancing(
              options,
              async (own) => {
                for (let i = 0; i < 3; i++) {
                  const { text, from } = await ask(own, host, client, i > 0 && KEPT);
                  assert.equal(text.trim(), `${client} ${from} ${host} ${own}`);
                }
              },
              host,
            );
          }
        };
        await withHaproxy(sections, [port], play, { 'both.pem': issued.cert + issued.key });
      });
    }
  }
});

describe('a multiserver before another', () => {
  for (const version of [1, 2] as const) {
    for (const secure of [false, true]) {
      test(`tells it the client by version ${version}${secure ? ', before TLS' : ''}`, async () => {
        const inner = { proxyProtocol: true, trustedProxies: ['127.0.0.1'], ...(secure ? { https: issued } : {}) };
        await balancing(inner, async (innerPort, balancer) => {
          balancer.get('*', (c) => c.text(`${c.env.client.address} ${c.env.client.port}`));
          await balancing({ endpointTls: { ca: authority.cert } }, async (port, outer) => {
            outer.endpoints.add(`${secure ? 'https' : 'http'}://127.0.0.1:${innerPort}`, { proxyProtocol: version });
            for (const address of ['127.0.0.3', '127.0.0.4']) {
              const { text, from } = await ask(port, '127.0.0.1', address);
              assert.equal(text, `${address} ${from}`);
            }
          });
        });
      });
    }
  }

  test('tells it for a WebSocket, too', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    server.on('connection', (socket, { headers }) => {
      socket.on('message', (text: Buffer) => socket.send(`${String(text)} ${headers['x-forwarded-for']}`));
    });
    await once(server, 'listening');
    const inner = { proxyProtocol: true, trustedProxies: ['127.0.0.1'], https: issued };
    await balancing(inner, async (innerPort, balancer) => {
      balancer.endpoints.add(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
      const options = { endpointProxyProtocol: 2, endpointTls: { ca: authority.cert } } as const;
      await balancing(options, async (port, outer) => {
        outer.endpoints.add(`https://127.0.0.1:${innerPort}`);
        const socket = new WebSocket(`ws://127.0.0.1:${port}`, { localAddress: '127.0.0.3' });
        await once(socket, 'open');
        socket.send('hello');
        const [message] = (await once(socket, 'message')) as [Buffer];
        assert.equal(String(message), 'hello 127.0.0.3');
        socket.close();
        await once(socket, 'close');
      });
    });
    server.close();
  });
});

describe('a connection that names its client', () => {
  /** The first octets of each connection, up to the request. */
  let headers: string[];
  const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
  /** With a request that is not answered yet. */
  const held: Socket[] = [];
  let server: Server;
  let url: string;
  const sockets = new Set<Socket>();

  before(async () => {
    server = createServer((socket) => {
      sockets.add(socket.on('close', () => sockets.delete(socket)).on('error', () => {}));
      let first = true;
      socket.setEncoding('latin1').on('data', (piece: string) => {
        const header = piece.slice(0, piece.search(/(?:GET|POST) /));
        if (first) headers.push(header);
        else assert.equal(header, '');
        first = false;
        if (piece.includes('GET /held')) held.push(socket);
        else if (piece.endsWith('\r\n\r\n')) socket.write(OK);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  test('carries the requests of that client alone', async () => {
    headers = [];
    await balancing({ endpoints: [url], endpointProxyProtocol: 1 }, async (port) => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      const kept = await ask(port, '127.0.0.1', '127.0.0.3', agent);
      const other = await ask(port, '127.0.0.1', '127.0.0.4');
      await ask(port, '127.0.0.1', '127.0.0.3', agent);
      const third = await ask(port, '127.0.0.1', '127.0.0.4');
      agent.destroy();
      const line = (address: string, { from }: Answer) => `PROXY TCP4 ${address} 127.0.0.1 ${from} ${port}\r\n`;
      assert.deepEqual(headers, [line('127.0.0.3', kept), line('127.0.0.4', other), line('127.0.0.4', third)]);
    });
  });

  test('does so from a live change on: those that are there, idle or in use, serve no further request', async () => {
    headers = [];
    await balancing({ endpoints: [url] }, async (port, balancer) => {
      for (const [version, begins] of [
        [0, /^$/],
        [1, /^PROXY TCP4 127.0.0.1 /],
        [2, /^\r\n\r\n\0/],
        [0, /^$/],
      ] as const) {
        balancer.reconfigure({ endpointProxyProtocol: version });
        held.pop()?.write(OK);
        await ask(port, '127.0.0.1', '127.0.0.1', KEPT);
        assert.match(headers.at(-1)!, begins);
        get({ port, path: '/held', agent: false }).on('error', () => {});
        while (held.length === 0) await sleep(5);
      }
    });
  });

  test('names nobody when the balancer asks for its own sake', async () => {
    for (const [version, header] of [
      [1, 'PROXY UNKNOWN\r\n'],
      [2, '\r\n\r\n\0\r\nQUIT\n\x20\0\0\0'],
    ] as const) {
      headers = [];
      const options = { endpointProxyProtocol: version, healthCheck: { path: '/', interval: 20 } } as const;
      await balancing({ ...options, endpoints: [url] }, async () => {
        while (headers.length < 3) await sleep(10);
      });
      assert.deepEqual(headers.slice(0, 3), [header, header, header]);
    }
  });

  test('fails as others do when nobody accepts it', async () => {
    const port = await freePort();
    const options = { endpointProxyProtocol: 2, endpointTls: { insecure: true } } as const;
    await balancing({ ...options, endpoints: [`https://127.0.0.1:${port}`] }, async (own) => {
      const { text } = await ask(own, '127.0.0.1', '127.0.0.3');
      assert.equal((JSON.parse(text) as { code: string }).code, 'MS_CONNECT_FAILED');
    });
    // This one accepts, but knows no TLS: the handshake comes to nothing.
    headers = [];
    const slow = { connectTimeout: 200, retries: { max: 0 }, endpoints: [url.replace('http:', 'https:')] };
    await balancing({ ...options, ...slow }, async (own) => {
      const { text } = await ask(own, '127.0.0.1', '127.0.0.3');
      assert.equal((JSON.parse(text) as { code: string }).code, 'MS_CONNECT_TIMEOUT');
    });
  });
});
