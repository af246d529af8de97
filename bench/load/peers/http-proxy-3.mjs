// http-proxy-3 with connections that are kept: node http-proxy-3.mjs PACKAGES PORT ENDPOINT
import { Agent, createServer } from 'node:http';
import { createRequire } from 'node:module';

const [, , packages, port, endpoint] = process.argv;
const { createProxyServer } = createRequire(`${packages}/x.js`)('http-proxy-3');
const proxy = createProxyServer({
  target: `http://127.0.0.1:${endpoint}`,
  agent: new Agent({ keepAlive: true, maxFreeSockets: 512 }),
  xfwd: true,
});
proxy.on('error', (_error, _request, response) => response.destroy());

createServer({ keepAliveTimeout: 65_000 }, (request, response) => proxy.web(request, response)).listen({
  port: Number(port),
  host: '127.0.0.1',
  backlog: 4096,
});
