// An app with a live page: event streams and WebSockets. Any worker can go on where another one ended.
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { WebSocketServer } from 'ws';

const page = readFileSync(new URL('../../../test/browser/live.html', import.meta.url));
const { pid } = process;
/** Events are numbered by the clock, so that they are the same at every worker. */
const INTERVAL = 50;
const latest = (): number => Math.floor(Date.now() / INTERVAL);

const server = createServer((req, res) => {
  if (req.url === '/events') return stream(req, res);
  res.writeHead(req.url === '/' ? 200 : 404, { 'content-type': 'text/html; charset=utf-8' });
  res.end(req.url === '/' ? page : '');
});

function stream(req: IncomingMessage, res: ServerResponse): void {
  const last = req.headers['last-event-id'];
  let next = last === undefined ? latest() : Number(last) + 1;
  res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  res.write('retry: 100\n\n');
  const timer = setInterval(() => {
    for (; next <= latest(); next++) res.write(`id: ${next}\ndata: ${pid}\n\n`);
  }, INTERVAL);
  res.on('close', () => clearInterval(timer));
}

new WebSocketServer({ server }).on('connection', (socket) => {
  socket.on('error', () => {});
  socket.on('message', (number: Buffer) => socket.send(JSON.stringify({ pid, heard: Number(number.toString()) })));
});

server.listen(0, '127.0.0.1');
