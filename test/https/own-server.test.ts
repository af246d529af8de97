import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get as getPlain, type IncomingMessage } from 'node:http';
import { get, type RequestOptions } from 'node:https';
import { createServer as createPlainServer, type Server, Socket } from 'node:net';
import { before, test } from 'node:test';
import { createServer, type TLSSocket } from 'node:tls';
import { LoadBalancer, type LoadBalancerOptions, type ServerFactory } from 'node-multiserver';
import { Authority, type Issued } from './authority.js';

let authority: Authority;
let issued: Issued;

before(async () => {
  authority = await Authority.create();
  issued = await authority.issue({ names: ['localhost'] });
});

const secure: ServerFactory = (serve) => createServer({ ...issued, requestCert: true, ca: authority.cert }, serve);
/** For clients without a certificate. */
const open: ServerFactory = (serve) => createServer(issued, serve);

async function serving(
  factory: ServerFactory,
  play: (port: number, balancer: LoadBalancer) => Promise<void>,
  options: LoadBalancerOptions = {},
): Promise<void> {
  const balancer = LoadBalancer.custom(factory, options);
  balancer.get('*', (c) => c.text(`${c.env.client.encrypted} ${new URL(c.req.url).protocol}`));
  const [address] = await balancer.listen('127.0.0.1:0');
  assert.ok(address !== undefined && 'port' in address);
  try {
    await play(address.port, balancer);
  } finally {
    await balancer.close({ timeout: 0 });
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of response.setEncoding('utf8')) text += String(piece);
  return text;
}

async function ask(port: number, options: RequestOptions = {}): Promise<string> {
  const where = { host: '127.0.0.1', port, servername: 'localhost', ca: authority.cert, agent: false, ...options };
  const [response] = (await once(get(where), 'response')) as [IncomingMessage];
  return textOf(response);
}

test('a TLS server of the user listens in place of the own: it may ask for client certificates', async () => {
  const client = await authority.issue({ names: ['client.example'] });
  await serving(secure, async (port, balancer) => {
    assert.deepEqual(balancer.status().addresses, [{ host: '127.0.0.1', port, secure: true }]);
    assert.equal(await ask(port, client), 'true https:');
    await assert.rejects(ask(port), /certificate required|ECONNRESET/);
  });
});

test('as does a plain one', async () => {
  await serving(createPlainServer, async (port, balancer) => {
    assert.deepEqual(balancer.status().addresses, [{ host: '127.0.0.1', port, secure: false }]);
    const [response] = (await once(getPlain({ host: '127.0.0.1', port, agent: false }), 'response')) as [IncomingMessage]; // prettier-ignore
    assert.equal(await textOf(response), 'false http:');
  });
});

test('its connections count, and those too many wait', async () => {
  await serving(open, playTwo, { maxConnections: 1 });
});

async function playTwo(port: number, balancer: LoadBalancer): Promise<void> {
  const first = get({ host: '127.0.0.1', port, rejectUnauthorized: false, headers: { connection: 'keep-alive' } });
  const [response] = (await once(first, 'response')) as [IncomingMessage];
  const socket = response.socket as TLSSocket;
  response.resume();
  const second = ask(port);
  while (balancer.status().limits.maxConnections === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(balancer.status().connections, 1);
  socket.destroy();
  assert.equal(await second, 'true https:');
}

test('a client in the middle of its handshake does not keep the balancer from closing', async () => {
  const late = new Socket().on('error', () => {});
  await serving(secure, async (port) => {
    late.connect(port, '127.0.0.1');
    await once(late, 'connect');
  });
  if (!late.closed) await once(late, 'close');
});

test('what is no server is refused, and it cannot be changed later', async () => {
  const wrong = LoadBalancer.custom(() => ({}) as Server);
  await assert.rejects(wrong.listen(0), { code: 'MS_INVALID_OPTION', message: /createServer must return/ });
  assert.throws(() => wrong.reconfigure({ createServer: createPlainServer }), { code: 'MS_INVALID_OPTION' });
  await wrong.close();
});
