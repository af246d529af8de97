// A proxy as one writes it with Node's server and undici, by undici's cheapest interface: node undici.mjs PACKAGES PORT ENDPOINT
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const [, , packages, port, endpoint] = process.argv;
const { Pool } = createRequire(`${packages}/x.js`)('undici');
const pool = new Pool(`http://127.0.0.1:${endpoint}`, { connections: 512 });

const DROPPED = new Set(['connection', 'keep-alive', 'transfer-encoding', 'expect', 'upgrade', 'te', 'trailer']);

createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
  const headers = [];
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    if (!DROPPED.has(request.rawHeaders[i].toLowerCase()))
      headers.push(request.rawHeaders[i], request.rawHeaders[i + 1]);
  }
  headers.push('X-Forwarded-For', request.socket.remoteAddress, 'X-Forwarded-Proto', 'http');
  const { method, url: path } = request;
  pool.stream(
    { method, path, headers, body: method === 'GET' ? null : request },
    (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      return response;
    },
    (error) => error && response.destroy(),
  );
}).listen({ port: Number(port), host: '127.0.0.1', backlog: 4096 });
