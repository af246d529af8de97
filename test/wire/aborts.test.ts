import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';
import { test } from 'node:test';
import { LoadBalancer } from 'node-multiserver';
import { get, head, pause } from './harness.js';
import { PATIENCE } from './harness/peer.js';
import { countSockets, countTimers } from './harness/sockets.js';

// Clients that leave in any phase of an exchange must leave nothing behind: no socket on either side, no timer, no place taken.

const SEED = Number(process.env['MULTISERVER_SEED'] ?? 20_261_126);
const COUNT = process.env['MULTISERVER_LONG'] === undefined ? 500 : 10_000;
/** Clients at a time: more than maxConnections, so that some leave while they wait for a place. */
const AT_ONCE = 40;

const CHUNKED = head('POST /echo HTTP/1.1', 'Host: a.example', 'Transfer-Encoding: chunked');
const LENGTH = head('POST /echo HTTP/1.1', 'Host: a.example', 'Content-Length: 100000');
const UPGRADE = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='];
const PHASES = [
  '',
  'GE',
  get('/now').slice(0, -2),
  LENGTH,
  LENGTH + 'x'.repeat(5000),
  CHUNKED + '5\r\nab',
  CHUNKED + '5\r\nabcde\r\n0\r\n',
  head('POST /echo HTTP/1.1', 'Host: a.example', 'Content-Length: 10', 'Expect: 100-continue'),
  get('/never'),
  get('/now'),
  get('/big'),
  get('/now') + get('/never') + 'GET',
  get('/now').repeat(20),
  get('/cut'),
  get('/now', ...UPGRADE, 'Sec-WebSocket-Version: 13'),
  get('/tunnel', ...UPGRADE, 'Sec-WebSocket-Version: 13') + 'through the tunnel',
  'nonsense\r\n\r\n',
];
const LEAVE: ((socket: Socket) => void)[] = [
  (socket) => socket.destroy(),
  (socket) => socket.resetAndDestroy(),
  (socket) => socket.end(() => setTimeout(() => socket.resetAndDestroy(), 20)),
];

/** mulberry32 */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

function createOrigin(): http.Server {
  const origin = http.createServer((request, answer) => {
    request.on('error', () => {});
    answer.on('error', () => {});
    if (request.url === '/never') request.resume();
    else if (request.url === '/big') answer.end(Buffer.alloc(8 * 1024 * 1024));
    else if (request.url === '/cut') answer.write('half', () => answer.destroy());
    else if (request.url === '/echo') request.pipe(answer);
    else answer.end('now');
  });
  origin.on('upgrade', (request, socket: Socket) => {
    socket.on('error', () => {});
    if (request.url !== '/tunnel') socket.resume().end('HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n');
    else {
      socket.write(
        head('HTTP/1.1 101 Go', ...UPGRADE.slice(0, 2), 'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo='),
      );
      socket.pipe(socket);
    }
  });
  return origin;
}

async function abort(port: number, random: (below: number) => number): Promise<void> {
  const text = PHASES[random(PHASES.length)]!;
  const leave = LEAVE[random(LEAVE.length)]!;
  const wait = random(30);
  const reads = random(3) > 0;
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => {});
  if (reads) socket.resume();
  const closed = new Promise((resolve) => socket.on('close', resolve));
  // Some leave before they are even connected.
  if (random(20) > 0) await Promise.race([new Promise((resolve) => socket.on('connect', resolve)), closed]);
  if (text !== '') socket.write(text, 'latin1');
  await pause(wait);
  leave(socket);
  await closed;
}

test(`${COUNT} requests that are aborted in random phases leave nothing behind`, { timeout: 600_000 }, async (t) => {
  t.diagnostic(`seed ${SEED}`);
  const random = randomOf(SEED);
  const before = { sockets: countSockets(), timers: countTimers() };
  const origin = createOrigin().listen(0, '127.0.0.1');
  await once(origin, 'listening');
  const balancer = new LoadBalancer({
    maxConnections: 12,
    maxConcurrentConnections: 6,
    queue: { size: 4 },
    headTimeout: '2s',
    timeout: '2s',
  });
  balancer.endpoints.add(`http://127.0.0.1:${(origin.address() as AddressInfo).port}`);
  const [address] = await balancer.listen('127.0.0.1:0');
  assert.ok(address !== undefined && 'port' in address);
  const listening = countSockets();
  t.after(async () => {
    await balancer.close({ timeout: 0 });
    origin.close();
    origin.closeAllConnections();
  });

  let left = COUNT;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (left-- > 0) await abort(address.port, random);
    }),
  );

  const state = () => {
    const { connections, inFlight, queued } = balancer.status();
    return { connections, inFlight, queued, sockets: countSockets() };
  };
  const nothing = { connections: 0, inFlight: 0, queued: 0, sockets: listening };
  const end = performance.now() + PATIENCE + 10_000;
  // Idle connections to the endpoint stay for some seconds.
  while (JSON.stringify(state()) !== JSON.stringify(nothing) && performance.now() < end) await pause(50);
  assert.deepEqual(state(), nothing);
  const { errors, limits, requests } = balancer.status();
  t.diagnostic(`${requests} requests came to a head; errors ${JSON.stringify(errors)}`);
  assert.ok(limits.maxConnections > 0, 'some waited for a place');
  assert.ok((errors.MS_CLIENT_GONE ?? 0) > 0);

  await balancer.close();
  origin.close();
  origin.closeAllConnections();
  await once(origin, 'close');
  assert.deepEqual({ sockets: countSockets(), timers: countTimers() }, before);
});
