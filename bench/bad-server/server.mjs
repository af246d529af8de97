// A server of the comparison: node server.mjs PORT. An answer takes 10 ms, as if a database were asked; `/slow` makes that 100.
import { createServer } from 'node:http';

let wait = 10;
const server = createServer((request, response) => {
  if (request.url === '/slow') wait = 100;
  setTimeout(() => response.end(`Hello from ${process.argv[2]}`), wait);
});
server.keepAliveTimeout = 60_000;
server.listen(Number(process.argv[2]), '127.0.0.1');
