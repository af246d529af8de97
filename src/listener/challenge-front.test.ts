import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect as connectTcp, createServer, type Server, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { challengeCertificate } from './acme/requests.js';
import { ChallengeFront } from './challenge-front.js';

const TIMEOUT = 500;
const others: Socket[] = [];
const open = new Set<Socket>();
const front = new ChallengeFront(TIMEOUT, (socket) => others.push(socket));
let server: Server;
let port: number;

before(async () => {
  front.answer('a.test', challengeCertificate('a.test', 'token.thumbprint', Date.now()));
  server = createServer((socket) => {
    open.add(socket.on('error', () => {}).on('close', () => open.delete(socket)));
    front.open(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});
after(() => server.close());

/** As an authority looks; `socket`: that goes its own way afterwards, and does not close because the other side does. */
async function look(name = 'a.test'): Promise<{ socket: Socket; tls: TLSSocket }> {
  const socket = connectTcp({ port, host: '127.0.0.1', allowHalfOpen: true }).on('error', () => {});
  const tls = connect({ socket, servername: name, ALPNProtocols: ['acme-tls/1'], rejectUnauthorized: false });
  tls.on('error', () => {});
  await once(tls, 'secureConnect');
  return { socket, tls };
}

/** Fails by the time-out of the test run, not by a time of ours. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(10);
}

test('an authority is shown the certificate of the challenge; it may stay, speak or reset then, and nothing is left of it', async () => {
  const { tls, socket } = await look();
  assert.equal(tls.alpnProtocol, 'acme-tls/1');
  assert.equal(tls.getPeerCertificate().subjectaltname, 'DNS:a.test');
  await until(() => open.size === 0);
  socket.destroy();
  for (let i = 0; i < 50; i++) {
    const other = await look('A.test');
    if (i % 2 === 0) other.tls.write('x'.repeat(5000), () => other.socket.resetAndDestroy());
    else other.socket.resetAndDestroy();
  }
  await until(() => open.size === 0);
});

test('a name without a challenge has no certificate', async () => {
  await assert.rejects(look('b.test'));
  await until(() => open.size === 0);
});

test('everybody else goes where he would have gone, with all that he has sent', async () => {
  const plain = connectTcp({ port, host: '127.0.0.1' }).on('error', () => {});
  plain.write('GET / HTTP/1.1\r\n');
  await until(() => others.length === 1);
  const usual = connectTcp({ port, host: '127.0.0.1' }).on('error', () => {});
  const message = Buffer.concat([Buffer.of(0x16, 3, 1, 0, 6), Buffer.from('hello!')]);
  for (const octet of message) {
    usual.write(Buffer.of(octet));
    await sleep(2);
  }
  await until(() => others.length === 2);
  assert.deepEqual(
    others.map((socket) => String(socket.read())),
    ['GET / HTTP/1.1\r\n', message.toString()],
  );
  for (const socket of others.splice(0)) socket.destroy();
});

test('who says nothing, or only the beginning, is not waited for any longer than a handshake may take', async () => {
  const silent = connectTcp({ port, host: '127.0.0.1' });
  const halfway = connectTcp({ port, host: '127.0.0.1' });
  halfway.write(Buffer.of(0x16, 3, 1, 1));
  await Promise.all(
    [silent, halfway].map((socket) =>
      once(
        socket.on('error', () => {}),
        'close',
      ),
    ),
  );
  assert.equal(others.length, 0);
});
