// What reading and writing one head costs, in nanoseconds (mitata): node bench/heads.mjs. Needs a build (npm run build).
// Writing includes the copy into a buffer, by which the engine joins what was concatenated.
import { measure } from 'mitata';
import { Endpoint } from '../dist/balance/index.js';
import { HeadParser, REQUEST, RESPONSE } from '../dist/http1/head-parser.js';
import { headOf } from '../dist/http1/fields.js';
import { Framing } from '../dist/http1/framing.js';
import { readRequestHead } from '../dist/http1/request-head.js';
import { ServerExchange } from '../dist/http1/server-exchange.js';
import { writeResponseHead } from '../dist/http1/writer.js';
import { writeRequestHead } from '../dist/proxy/forward-headers.js';

const LIMITS = { maxHeadSize: 16_384, maxFields: 100, maxTargetSize: 8192, relaxedTargets: false };
const CLIENT = { address: '192.0.2.1', port: 40_000, localAddress: '192.0.2.2', localPort: 80, encrypted: false };
const ENDPOINT = new Endpoint({
  id: 'one',
  url: 'http://192.0.2.3:80',
  address: { host: '192.0.2.3', port: 80, path: '', secure: false },
});
const FORWARD = { preserveHost: true, forwarded: false, allowUnderscores: false };

const lines = (...all) => `${all.join('\r\n')}\r\n\r\n`;
const REQUESTS = {
  'request of wrk': lines('GET / HTTP/1.1', 'Host: 127.0.0.1:8080'),
  'request of a browser': lines(
    'GET /some/path/page.html?x=1 HTTP/1.1',
    'Host: www.example.com',
    'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
    'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
    'Accept-Language: en-US,en;q=0.5',
    'Accept-Encoding: gzip, deflate, br',
    'Cookie: session=abcdefghijklmnopqrstuvwxyz0123456789; theme=dark',
    'Connection: keep-alive',
  ),
};
const ANSWER = lines(
  'HTTP/1.1 200 OK',
  'Content-Type: text/plain',
  'Date: Thu, 26 Nov 2026 01:53:27 GMT',
  'Content-Length: 13',
);

const buffer = Buffer.alloc(4096);

for (const [name, text] of Object.entries(REQUESTS)) {
  const octets = Buffer.from(text);
  const parser = new HeadParser(REQUEST, LIMITS);
  await show(`read the ${name}`, octets.length, () => read(parser, octets));
  const exchange = new ServerExchange({}, CLIENT, 0);
  read(parser, octets);
  readRequestHead(parser, new Framing(), exchange);
  await show(`write the ${name}`, octets.length, () => {
    exchange.requestId = '';
    return buffer.latin1Write(writeRequestHead(exchange, ENDPOINT, FORWARD), 0);
  });
}
const octets = Buffer.from(ANSWER);
const parser = new HeadParser(RESPONSE, LIMITS);
await show('read an answer', octets.length, () => read(parser, octets));
const head = headOf(['Content-Type', 'text/plain', 'Date', 'Thu, 26 Nov 2026 01:53:27 GMT']);
await show('write an answer', octets.length, () =>
  buffer.latin1Write(writeResponseHead(200, 'OK', head, 1, 13, 1, true), 0),
);

function read(parser, octets) {
  const position = parser.parse(octets, 0, octets.length);
  parser.reset();
  return position;
}

async function show(name, size, work) {
  const { p50, min } = await measure(work, { batch_samples: 64 * 1024, min_cpu_time: 200e6 });
  console.log(
    `${name.padEnd(30)}${`${size} octets`.padStart(12)}  ${min.toFixed(0)} ns at best, median ${p50.toFixed(0)}`,
  );
}
