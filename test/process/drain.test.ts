import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { createRequire } from 'node:module';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { LoadBalancer } from 'node-multiserver';
import { WebSocket } from 'ws';
import { AppFolder, PATIENCE } from './instance.js';

const folder = new AppFolder();
after(() => folder.remove());

const WS = createRequire(import.meta.url).resolve('ws');
const app = folder.write(
  'lasting.cjs',
  `const http = require('http');
const { WebSocketServer } = require(${JSON.stringify(WS)});
const server = http.createServer((req, res) => {
  res.writeHead(200, { 'content-type': 'text/event-stream' });
  let n = 0;
  const timer = setInterval(() => { res.write('data: ' + n); res.write(' of ' + process.pid + '\\n\\n'); n++; }, 5);
  res.on('close', () => clearInterval(timer));
});
new WebSocketServer({ server }).on('connection', (socket) => {
  const timer = setInterval(() => socket.send('tick '.repeat(2000)), 3);
  socket.on('message', (text) => socket.send(String(text)));
  socket.on('close', () => clearInterval(timer));
  socket.on('error', () => {});
});
server.listen(0, '127.0.0.1');
`,
);

interface Listener {
  /** How it ended. */
  readonly end: Promise<string>;
  readonly received: () => string;
}

async function listenTo(port: number): Promise<Listener> {
  const call = request({ host: '127.0.0.1', port, path: '/events', agent: false }).end();
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  let text = '';
  response.setEncoding('utf8').on('data', (piece) => (text += piece));
  const end = new Promise<string>((resolve) => {
    response.on('end', () => resolve(response.complete ? 'whole' : 'cut'));
    response.on('error', () => resolve('cut'));
  });
  while (!text.includes('\n\n')) await sleep(5);
  return { end, received: () => text };
}

async function openSocket(port: number): Promise<{ socket: WebSocket; end: Promise<number> }> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
  const end = new Promise<number>((resolve) => socket.on('close', resolve));
  socket.on('error', () => {});
  await once(socket, 'message');
  return { socket, end };
}

const COUNT = 10;

for (const [what, act] of [
  ['reload', (balancer: LoadBalancer) => balancer.reload()],
  ['close', (balancer: LoadBalancer) => balancer.close()],
] as const) {
  test(
    `${what} ends WebSockets with 1001 and event streams after an event, one after another`,
    { timeout: PATIENCE * 2 },
    async () => {
      const balancer = new LoadBalancer({ drainTime: 2500 });
      try {
        await balancer.spawn(app, { count: 1 });
        const [address] = await balancer.listen('127.0.0.1:0');
        assert.ok(address !== undefined && 'port' in address);
        const { port } = address;
        const listeners = await Promise.all(Array.from({ length: COUNT }, () => listenTo(port)));
        const sockets = await Promise.all(Array.from({ length: COUNT }, () => openSocket(port)));
        assert.equal(balancer.status().inFlight, 2 * COUNT);
        const order: number[] = [];
        for (const { end } of sockets) void end.then(() => order.push(performance.now()));
        await act(balancer);
        assert.deepEqual(
          await Promise.all(sockets.map(({ end }) => end)),
          Array.from({ length: COUNT }, () => 1001),
        );
        assert.deepEqual(
          await Promise.all(listeners.map(({ end }) => end)),
          Array.from({ length: COUNT }, () => 'whole'),
        );
        for (const { received } of listeners) assert.match(received(), /^(data: \d+ of \d+\n\n)+$/);
        assert.ok(order.at(-1)! - order[0]! > 100, 'not all of them at the same moment');
      } finally {
        await balancer.close({ timeout: 0 });
      }
    },
  );
}
