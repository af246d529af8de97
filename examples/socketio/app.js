import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { Server } from 'socket.io';

const page = readFileSync(join(import.meta.dirname, 'index.html'));
const worker = process.env.MULTISERVER_WORKER ?? '0';

const server = createServer((req, res) => {
  res.setHeader('Content-Type', 'text/html; charset=utf-8');
  res.end(page);
});
const io = new Server(server);

// Every worker is a room of its own: whoever is connected to it hears whoever is connected to it.
io.on('connection', (socket) => {
  socket.emit('welcome', { worker, pid: process.pid, address: socket.handshake.address });
  socket.on('say', (text, heard) => {
    socket.broadcast.emit('said', { worker, text: String(text) });
    heard?.({ worker, pid: process.pid });
  });
});

// "Session ID unknown": a request has reached a worker that did not open its session.
io.engine.on('connection_error', ({ message }) => console.error(`Socket.IO refused a request: ${message}`));

server.listen(3000);
