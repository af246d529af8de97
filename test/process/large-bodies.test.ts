import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { request as secureRequest } from 'node:https';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Authority } from '../https/authority.js';
import { AppFolder, Instance } from './instance.js';

// Bodies of any size pass through `multiserver start` in a bounded piece of memory, whoever is slow.

const LONG = process.env['MULTISERVER_LONG'] !== undefined;
const SIZE = (LONG ? 1024 : 64) * 1024 * 1024;
const EVENTS = LONG ? 500_000 : 20_000;
/** More than the balancer's memory may grow by at any moment: the heap's own ups and downs, and 64 KiB a direction. */
const GROWTH = 64 * 1024 * 1024;
const PIECE = Buffer.alloc(256 * 1024, 'abcdefgh');
const skip = process.platform === 'linux' ? false : 'needs Linux';

const APP = `
import { createServer } from 'node:http'
const piece = Buffer.alloc(256 * 1024, 'abcdefgh')
createServer((req, res) => {
  const url = new URL(req.url, 'http://a')
  let left = Number(url.searchParams.get('n'))
  if (url.pathname === '/down') {
    const more = () => {
      while (left > 0) {
        left -= piece.length
        if (!res.write(piece)) return res.once('drain', more)
      }
      res.end()
    }
    more()
  } else if (url.pathname === '/events') {
    res.writeHead(200, { 'content-type': 'text/event-stream' })
    let i = 0
    const more = () => {
      for (let k = 0; k < 100 && i < left; k++) res.write('data: ' + i++ + '\\n\\n')
      if (i >= left) res.end()
      else if (res.writableNeedDrain) res.once('drain', more)
      else setImmediate(more)
    }
    more()
  } else {
    let size = 0
    let wrong = 0
    req.on('data', (chunk) => {
      if (chunk[0] !== 97 + (size % 8)) wrong++
      size += chunk.length
      if (url.searchParams.has('slow') && size % 3 === 0) { req.pause(); setTimeout(() => req.resume(), 5) }
    })
    req.on('end', () => res.end(size + ' ' + wrong))
  }
}).listen(3000)
`;

let folder: AppFolder;
let instance: Instance;
let ports: { readonly [scheme in Scheme]: number };

type Scheme = 'http' | 'https';

before(async () => {
  if (skip !== false) return;
  folder = new AppFolder();
  folder.write('app.mjs', APP);
  const { cert, key } = await (await Authority.create()).issue({ names: ['127.0.0.1'] });
  folder.write('cert.pem', cert);
  folder.write('key.pem', key);
  const listen = ['--listen', 'http://127.0.0.1:0', '--listen', 'https://127.0.0.1:0'];
  const secure = ['--https-cert', 'cert.pem', '--https-key', 'key.pem'];
  instance = new Instance(['start', 'app.mjs', '-w', '1', ...listen, ...secure], { cwd: folder.path });
  const { addresses } = await instance.line('boot');
  const [http, https] = (addresses as string[]).map((address) => Number(new URL(address).port));
  ports = { http: http!, https: https! };
  // A warm heap is what is measured.
  for (const scheme of ['http', 'https'] as const) {
    for (let i = 0; i < 3; i++) await upload(scheme, 8 * 1024 * 1024);
    await download(scheme, 8 * 1024 * 1024);
  }
});

after(async () => {
  if (skip !== false) return;
  await instance.release();
  folder.remove();
});

function begin(scheme: Scheme, method: string, path: string, headers = {}): ClientRequest {
  const where = { port: ports[scheme], host: '127.0.0.1', method, path, headers };
  return scheme === 'http' ? request(where) : secureRequest({ ...where, rejectUnauthorized: false });
}

async function open(scheme: Scheme, path: string): Promise<IncomingMessage> {
  const sent = begin(scheme, 'GET', path);
  sent.end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  return answer;
}

async function download(scheme: Scheme, size: number, slow = false): Promise<void> {
  let got = 0;
  for await (const chunk of await open(scheme, `/down?n=${size}`)) {
    assert.equal((chunk as Buffer)[0], 97 + (got % 8), 'the order of the octets');
    got += (chunk as Buffer).length;
    if (slow && got % 3 === 0) await sleep(5);
  }
  assert.equal(got, size);
}

async function upload(scheme: Scheme, size: number, query = ''): Promise<void> {
  const sent = begin(scheme, 'POST', `/up?n=0${query}`, { 'content-length': size });
  const answered = once(sent, 'response');
  for (let left = size; left > 0; left -= PIECE.length) if (!sent.write(PIECE)) await once(sent, 'drain');
  sent.end();
  const [answer] = (await answered) as [IncomingMessage];
  let text = '';
  for await (const chunk of answer.setEncoding('latin1')) text += chunk;
  assert.equal(text, `${size} 0`);
}

/** The largest that the balancer has been, and where it begins now. */
const memory = (): { now: number; peak: number } => {
  const text = readFileSync(`/proc/${instance.pid}/status`, 'latin1');
  const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)![1]) * 1024;
  return { now: kilobytes('VmRSS'), peak: kilobytes('VmHWM') };
};

const megabytes = (size: number): string => `${Math.round(size / 1024 / 1024)} MiB`;

const WAYS: [what: string, play: () => Promise<void>][] = [
  [`a download of ${megabytes(SIZE)}`, () => download('http', SIZE)],
  [`a download of ${megabytes(SIZE)} by a slow client`, () => download('http', SIZE, true)],
  [`a download of ${megabytes(SIZE)} by a slow client over TLS`, () => download('https', SIZE, true)],
  [`an upload of ${megabytes(SIZE)}`, () => upload('http', SIZE)],
  [`an upload of ${megabytes(SIZE)} to a slow app`, () => upload('http', SIZE, '&slow=1')],
  [`an upload of ${megabytes(SIZE)} over TLS to a slow app`, () => upload('https', SIZE, '&slow=1')],
  [`a stream of ${EVENTS} events`, events],
];

async function events(): Promise<void> {
  let text = '';
  let count = 0;
  for await (const chunk of (await open('http', `/events?n=${EVENTS}`)).setEncoding('latin1')) {
    const parts = (text + chunk).split('\n\n');
    text = parts.pop()!;
    for (const part of parts) if (part !== `data: ${count++}`) assert.fail(`event ${count - 1} is ${part}`);
  }
  assert.equal(count, EVENTS);
}

for (const [what, play] of WAYS) {
  test(`${what} arrives whole, in a bounded piece of memory`, { skip, timeout: 1_800_000 }, async (t) => {
    const { now } = memory();
    await play();
    const { peak } = memory();
    t.diagnostic(`${megabytes(now)} before, at most ${megabytes(peak)}`);
    assert.ok(peak - now < GROWTH, `${megabytes(peak - now)} more`);
  });
}
