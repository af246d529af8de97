// What reading and writing one head costs, in nanoseconds (mitata): node bench/heads.mjs. Needs a build (npm run build). `again`: its fields
// came before.
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
  const size = await reading(`the ${name}`, REQUEST, text, /8/g);
  for (const again of [false, true]) {
    const exchange = new ServerExchange({}, CLIENT, 0);
    const parser = new HeadParser(REQUEST, LIMITS);
    for (let i = 0; i < (again ? 3 : 1); i++) read(parser, Buffer.from(text));
    readRequestHead(parser, new Framing(), exchange);
    await show(`write the ${name}${again ? ', again' : ''}`, size, () => {
      exchange.requestId = '';
      return buffer.latin1Write(writeRequestHead(exchange, ENDPOINT, FORWARD), 0);
    });
  }
}
const size = await reading('an answer', RESPONSE, ANSWER, /7/g);
for (const again of [false, true]) {
  const fields = headOf(['Content-Type', 'text/plain', 'Date', 'Thu, 26 Nov 2026 01:53:27 GMT']);
  const head = again ? { ...fields, memo: { request: null, response: null } } : fields;
  await show(`write an answer${again ? ', again' : ''}`, size, () =>
    buffer.latin1Write(writeResponseHead(200, 'OK', head, 1, 13, 1, true), 0),
  );
}

/** Two that differ in what `odd` matches, in turns; and the same all the time. */
async function reading(name, kind, text, odd) {
  const octets = Buffer.from(text);
  const other = Buffer.from(text.replace(odd, '6'));
  let turn = 0;
  const parser = new HeadParser(kind, LIMITS);
  await show(`read ${name}`, octets.length, () => read(parser, (turn ^= 1) === 0 ? octets : other));
  await show(`read ${name}, again`, octets.length, () => read(parser, octets));
  return octets.length;
}

function read(parser, octets) {
  const position = parser.parse(octets, 0, octets.length);
  parser.reset();
  return position;
}

async function show(name, size, work) {
  const { p50, min } = await measure(work, { batch_samples: 64 * 1024, min_cpu_time: 200e6 });
  console.log(
    `${name.padEnd(36)}${`${size} octets`.padStart(12)}  ${min.toFixed(0)} ns at best, median ${p50.toFixed(0)}`,
  );
}
