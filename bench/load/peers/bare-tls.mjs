// What node:tls itself costs: node bare-tls.mjs PORT ENDPOINT CERT KEY. Each connection is piped to one of its own to the endpoint, and
// nothing is looked at; ENDPOINT 0: every read is answered by itself, as the endpoint of the bench would.
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { createServer } from 'node:tls';

const [port, endpoint, cert, key] = process.argv.slice(2);
const answerOf = (body) =>
  Buffer.from(`HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
const SMALL = answerOf('Hello, world!').toString('latin1');
const LARGE = answerOf('x'.repeat(32 * 1024));

const serve = endpoint === '0' ? answer : pipe;
createServer({ cert: readFileSync(cert), key: readFileSync(key), ALPNProtocols: ['http/1.1'] }, serve).listen({
  port: Number(port),
  host: '127.0.0.1',
  backlog: 4096,
});

function answer(socket) {
  socket.setNoDelay(true).on('error', () => {});
  socket.on('data', (request) => {
    if (request.includes('/32k')) socket.write(LARGE);
    else socket.write(SMALL, 'latin1');
  });
}

function pipe(socket) {
  const callback = (size, octets) => void socket.write(Buffer.from(octets.subarray(0, size)));
  const onread = { buffer: Buffer.allocUnsafeSlow(64 * 1024), callback };
  const onward = connect({ port: Number(endpoint), host: '127.0.0.1', noDelay: true, onread });
  socket.setNoDelay(true).on('data', (chunk) => void onward.write(chunk));
  for (const [one, other] of [
    [socket, onward],
    [onward, socket],
  ]) {
    one.on('error', () => {}).on('close', () => other.destroy());
  }
}
