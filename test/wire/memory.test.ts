import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { LoadBalancer } from 'node-multiserver';
import { get, head, pause, post, response } from './harness.js';

const COUNT = process.env['MULTISERVER_LONG'] === undefined ? 50_000 : 1_000_000;
const WARM_UP = 30_000;
const CONNECTIONS = 16;
/** Two octets a request in the long run, and more than a heap differs by from one look to the next. */
const GROWTH = 2 * 1024 * 1024;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const BIG = response(200, 'x'.repeat(20_000));
const REQUESTS = [
  get('/'),
  get('/big'),
  post('/', 'x'.repeat(1000)),
  head('POST / HTTP/1.1', 'Host: a.example', 'Transfer-Encoding: chunked') + '3\r\nabc\r\n0\r\n\r\n',
  get('/own'),
  get('/', 'X-Bad : 1'),
];
const ANSWERS = [200, 200, 200, 200, 200, 400];

/** Answers each request of a connection as soon as its head is there; what follows of it fits into the same piece. */
function createOrigin(): net.Server {
  return net.createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {});
    socket.setEncoding('latin1').on('data', (text: string) => {
      if (!/^(?:GET|POST) /.test(text)) return;
      socket.write(text.startsWith('GET /big') ? BIG : response(200, 'ok'));
    });
  });
}

/** Sends requests one after the other; a new connection when the balancer closes the old one. */
async function load(port: number, count: number): Promise<void> {
  const sent = { count: 0 };
  const one = async (): Promise<void> => {
    while (sent.count < count) {
      const socket = net.connect({ port, host: '127.0.0.1', noDelay: true }).setEncoding('latin1');
      let got = '';
      let kind = 0;
      const next = (): void => {
        if (sent.count++ >= count) return void socket.end();
        kind = sent.count % REQUESTS.length;
        got = '';
        socket.write(REQUESTS[kind]!, 'latin1');
      };
      socket.on('data', (text: string) => {
        got += text;
        const end = got.indexOf('\r\n\r\n');
        const length = /content-length: (\d+)/i.exec(got)?.[1];
        if (end < 0 || length === undefined || got.length < end + 4 + Number(length)) return;
        assert.equal(Number(got.slice(9, 12)), ANSWERS[kind], REQUESTS[kind]);
        if (/connection: close/i.test(got)) socket.end();
        else next();
      });
      next();
      await once(socket, 'close');
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, one));
}

/** The least of several looks: what is about to be let go is no leak. */
async function used(): Promise<number> {
  let least = Infinity;
  for (let i = 0; i < 10; i++) {
    await pause(100);
    collect();
    const { heapUsed, external } = process.memoryUsage();
    least = Math.min(least, heapUsed + external);
  }
  return least;
}

test(`memory stays as it is over ${COUNT} requests`, { timeout: 1_800_000 }, async (t) => {
  const origin = createOrigin().listen(0, '127.0.0.1');
  await once(origin, 'listening');
  const balancer = new LoadBalancer({ maxRequestsPerConnection: 1000 });
  balancer.get('/own', (c) => c.text('own'));
  balancer.endpoints.add(`http://127.0.0.1:${(origin.address() as AddressInfo).port}`);
  const [address] = await balancer.listen('127.0.0.1:0');
  assert.ok(address !== undefined && 'port' in address);
  t.after(async () => {
    await balancer.close({ timeout: 0 });
    origin.close();
  });
  await load(address.port, WARM_UP);
  const before = await used();
  await load(address.port, COUNT);
  const after = await used();
  t.diagnostic(`${Math.round(before / 1024)} KiB before, ${Math.round((after - before) / 1024)} KiB more after`);
  assert.ok(after - before < GROWTH, `${after - before} bytes more`);
});
