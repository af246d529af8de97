// Clients that make a new TLS 1.3 connection for each request: node tls-clients.mjs PORT CONNECTIONS SECONDS new|resumed
// One line at the end, as of wrk.lua: requests, microseconds, errors, p50 and p99 in microseconds.
import { connect } from 'node:tls';

const [port, connections, seconds, kind] = process.argv.slice(2);
const REQUEST = 'GET / HTTP/1.1\r\nHost: bench.test\r\nConnection: close\r\n\r\n';

const begin = performance.now();
const end = begin + Number(seconds) * 1000;
const times = [];
let errors = 0;
let session = kind === 'resumed' ? await ask() : undefined;
await Promise.all(Array.from({ length: Number(connections) }, client));
const [p50, p99] = [0.5, 0.99].map((share) => times.toSorted((a, b) => a - b)[Math.floor(share * times.length)] ?? 0);
const figures = [times.length, (performance.now() - begin) * 1000, errors, p50 * 1000, p99 * 1000];
console.log(`RESULT ${figures.map(Math.round).join(' ')}`);

async function client() {
  while (performance.now() < end) {
    const start = performance.now();
    try {
      const next = await ask(session);
      if (session !== undefined) session = next;
      times.push(performance.now() - start);
    } catch {
      errors++;
    }
  }
}

/** Gives the session of the connection; fails without an answer, or when the one that was given was not resumed. */
function ask(known) {
  return new Promise((resolve, reject) => {
    const resumed = known === undefined ? {} : { session: known };
    const socket = connect({
      port,
      host: '127.0.0.1',
      servername: 'bench.test',
      rejectUnauthorized: false,
      ...resumed,
    });
    let text = '';
    let next = known;
    socket.on('error', reject).on('close', () => reject(new Error('no answer')));
    socket.on('session', (ticket) => (next = ticket));
    socket.on('secureConnect', () => {
      if (known !== undefined && !socket.isSessionReused()) socket.destroy();
      else socket.write(REQUEST);
    });
    socket.setEncoding('latin1').on('data', (piece) => {
      text += piece;
      if (!text.endsWith('Hello, world!')) return;
      socket.destroy();
      resolve(next);
    });
  });
}
