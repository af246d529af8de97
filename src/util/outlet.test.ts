import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { suite, test, type TestContext } from 'node:test';
import * as tls from 'node:tls';
import { Outlet } from './outlet.js';

/** Both ends of a connection over loopback. */
type Pair = (t: TestContext) => Promise<[Socket, Socket]>;

const CIPHERS = 'PSK+HIGH';
const psk = Buffer.alloc(32, 1);
const CLIENT = { pskCallback: () => ({ psk, identity: 'test' }), checkServerIdentity: () => undefined };

async function tcpPair(t: TestContext): Promise<[Socket, Socket]> {
  const server = createServer({ pauseOnConnect: true });
  return pairOf(t, server, 'connection', (port) => connect(port, '127.0.0.1'));
}

/** Without certificates: with a key that both know. */
async function tlsPair(t: TestContext): Promise<[Socket, Socket]> {
  const server = tls.createServer({ ciphers: CIPHERS, pskCallback: () => psk });
  return pairOf(t, server, 'secureConnection', (port) => {
    return tls.connect({ port, host: '127.0.0.1', ciphers: CIPHERS, ...CLIENT });
  });
}

async function pairOf(
  t: TestContext,
  server: Server,
  event: string,
  open: (port: number) => Socket,
): Promise<[Socket, Socket]> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, event);
  const near = open((server.address() as { port: number }).port);
  const [far] = (await accepted) as [Socket];
  near.on('error', () => {});
  far.on('error', () => {});
  t.after(() => {
    near.destroy();
    far.destroy();
    server.close();
  });
  return [near, far];
}

const turn = () => new Promise((resolve) => void setImmediate(resolve));

const KINDS: [string, Pair][] = [
  ['TCP', tcpPair],
  ['TLS', tlsPair],
];

for (const [kind, pair] of KINDS)
  suite(kind, () => {
    test('what is written in one turn leaves at its end, in one piece', async (t) => {
      const [near, far] = await pair(t);
      const outlet = new Outlet(near);
      // The first text of all teaches it how to write past the stream.
      for (const expected of ['a1b2c', 'a1b2c', 'a1b2c']) {
        outlet.write('a');
        outlet.writeParts('1', Buffer.from('b'), '2');
        outlet.write('c');
        assert.ok(!outlet.empty);
        const [piece] = (await once(far.resume(), 'data')) as [Buffer];
        assert.equal(piece.toString(), expected);
        assert.ok(outlet.settled);
        // TLS tells it a turn later.
        await turn();
        assert.ok(outlet.empty);
      }
    });

    test('all arrives in order while the other side reads nothing for a while: texts, large pieces, the end', async (t) => {
      const [near, far] = await pair(t);
      const outlet = new Outlet(near);
      const sent = createHash('sha256');
      let size = 0;
      let turns = 0;
      // As who looks at `full` before each write; the kernel takes some megabytes at most.
      while (!outlet.full && turns++ < 100_000) {
        const text = `${turns}:${'t'.repeat(turns % 3000)}`;
        outlet.write(text);
        sent.update(text);
        size += text.length;
        if (turns % 7 === 0) {
          const piece = Buffer.alloc(20_000, turns);
          outlet.writeParts('<', piece, '>');
          sent.update('<').update(piece).update('>');
          size += piece.length + 2;
        }
        await turn();
      }
      assert.ok(outlet.full && !outlet.empty, 'the kernel took everything');
      outlet.write('last');
      outlet.end();
      const received = createHash('sha256');
      let got = 0;
      far.on('data', (piece: Buffer) => {
        got += piece.length;
        received.update(piece);
      });
      await once(far.resume(), 'end');
      assert.equal(got, size + 4);
      assert.equal(received.digest('hex'), sent.update('last').digest('hex'));
      assert.ok(outlet.empty);
    });

    test('texts alone, each less than a mark, are bounded too while the other side reads nothing', async (t) => {
      const [near] = await pair(t);
      const outlet = new Outlet(near);
      let written = 0;
      while (!outlet.full && written < 64 * 1024 * 1024) {
        outlet.write('x'.repeat(1000));
        written += 1000;
        await turn();
      }
      assert.ok(outlet.full);
    });

    test('a connection that breaks while a text waits is closed, and one that has been closed takes texts without harm', async (t) => {
      const [near, far] = await pair(t);
      const outlet = new Outlet(near);
      while (outlet.empty) {
        outlet.write('x'.repeat(8000));
        await turn();
      }
      const closed = new Promise((resolve) => void near.once('close', resolve));
      // What it has not read makes a reset of it.
      far.destroy();
      await closed;
      outlet.write('nobody hears this');
      outlet.flush();
      await turn();
      assert.ok(near.destroyed);
    });
  });
