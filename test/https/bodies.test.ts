import assert from 'node:assert/strict';
import { createCipheriv, createHash, hash } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, request, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type SecureVersion } from 'node:tls';
import { LoadBalancer } from 'node-multiserver';
import { Authority, type Issued } from './authority.js';

// Bodies through a balancer that speaks TLS on both sides.

const CLIENTS = 24;
const REQUESTS = process.env.MULTISERVER_LONG === undefined ? 4 : 200;
const SIZES = [0, 1, 5000, 16_384, 65_536, 100_000, 1_000_000];

let good: Issued;
let origin: Server;
let balancer: LoadBalancer;
let port: number;

before(async () => {
  good = await (await Authority.create()).issue({ names: ['localhost', '127.0.0.1'] });
  origin = createServer(good, (req, res) => void answer(req, res)).listen(0, '127.0.0.1');
  await once(origin, 'listening');
  balancer = new LoadBalancer({ https: good });
  const url = `https://127.0.0.1:${(origin.address() as AddressInfo).port}`;
  balancer.endpoints.add(url, { tls: { insecure: true } });
  const [address] = await balancer.listen('127.0.0.1:0');
  assert.ok(address !== undefined && 'port' in address);
  port = address.port;
});
after(async () => {
  await balancer.close({ timeout: 0 });
  origin.close();
});

/** Octets that no other name gives. */
function* octets(name: string, size: number): Generator<Buffer> {
  const cipher = createCipheriv('aes-128-ctr', Buffer.from(hash('md5', name), 'hex'), Buffer.alloc(16));
  for (let left = size; left > 0; left -= 50_000) yield cipher.update(Buffer.alloc(Math.min(left, 50_000)));
}

/** What was read; who is slow lets the others run ahead. */
async function digest(source: AsyncIterable<Buffer>, slow: boolean): Promise<string> {
  const sum = createHash('sha256');
  for await (const piece of source) {
    sum.update(piece);
    if (slow) await sleep(1);
  }
  return sum.digest('hex');
}

const expected = (name: string, size: number): Promise<string> => digest(Readable.from(octets(name, size)), false);

/** Says what came, and sends as much as the path asks for. */
async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const [, name, size, slow] = req.url!.split('/');
  res.setHeader('X-Came', await digest(req, slow === 'slow'));
  res.setHeader('Content-Length', size!);
  await pipeline(Readable.from(octets(`down ${name}`, Number(size))), res);
}

async function exchange(name: string, up: number, down: number, slow: boolean, maxVersion: SecureVersion) {
  const path = `/${name}/${down}/${slow ? 'slow' : ''}`;
  const where = { host: '127.0.0.1', port, method: 'POST', path, rejectUnauthorized: false, maxVersion };
  const call = request(where);
  const answered = once(call, 'response');
  await pipeline(Readable.from(octets(`up ${name}`, up)), call);
  const [response] = (await answered) as [IncomingMessage];
  assert.equal(response.statusCode, 200);
  assert.equal(response.headers['x-came'], await expected(`up ${name}`, up), `${name} went up`);
  assert.equal(await digest(response, slow), await expected(`down ${name}`, down), `${name} came down`);
}

async function client(_: unknown, i: number): Promise<void> {
  for (let k = 0; k < REQUESTS; k++) {
    const [up, down] = [SIZES[(i + k) % SIZES.length]!, SIZES[(2 * i + 3 * k + 1) % SIZES.length]!];
    await exchange(`${i}.${k}`, up, down, i % 3 === 0, i % 4 === 0 ? 'TLSv1.2' : 'TLSv1.3');
  }
}

test('bodies of many connections side by side arrive bit by bit, both ways, those of slow readers too', async () => {
  await Promise.all(Array.from({ length: CLIENTS }, client));
});

test('a client that closes its side after its request gets the whole answer', async () => {
  const options = { port, host: '127.0.0.1', rejectUnauthorized: false, allowHalfOpen: true };
  const socket = connect(options);
  const size = 1_000_000;
  socket.end(`GET /half/${size}/ HTTP/1.1\r\nHost: a.example\r\n\r\n`);
  const pieces: Buffer[] = [];
  for await (const piece of socket) pieces.push(piece as Buffer);
  const all = Buffer.concat(pieces);
  assert.equal(all.subarray(0, 17).toString('latin1'), 'HTTP/1.1 200 OK\r\n');
  const body = all.subarray(all.indexOf('\r\n\r\n') + 4);
  assert.equal(createHash('sha256').update(body).digest('hex'), await expected('down half', size));
});
