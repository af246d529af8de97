import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { WebSocket, WebSocketServer } from 'ws';

const page = readFileSync(join(import.meta.dirname, 'index.html'));
const worker = process.env.MULTISERVER_WORKER ?? '0';

const server = createServer((req, res) => {
  res.setHeader('Content-Type', 'text/html; charset=utf-8');
  res.end(page);
});

// Every worker is a room of its own: whoever is connected to it hears whoever is connected to it.
const room = new WebSocketServer({ server, path: '/chat', maxPayload: 16 * 1024 });

room.on('connection', (socket, request) => {
  const name = new URL(request.url, 'http://chat').searchParams.get('name') || 'somebody';
  const address = request.socket.remoteAddress;
  socket.send(JSON.stringify({ type: 'welcome', worker, pid: process.pid, address }));
  say({ type: 'joined', name });

  socket.on('message', (data) => say({ type: 'message', name, text: String(data) }));
  socket.on('close', () => say({ type: 'left', name }));
  socket.on('error', () => socket.terminate());
});

function say(message) {
  const text = JSON.stringify(message);
  for (const client of room.clients) {
    if (client.readyState === WebSocket.OPEN) client.send(text);
  }
}

server.listen(3000);
