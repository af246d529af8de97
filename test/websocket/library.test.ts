import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { WebSocket, WebSocketServer } from 'ws';
import { pause } from '../wire/harness/peer.js';
import { type Chain, chains } from './chain.js';

const SEED = Number(process.env.MULTISERVER_SEED ?? 1);
const CONVERSATIONS = process.env.MULTISERVER_LONG === undefined ? 20 : 200;

/** Says everything again, as it came; `close CODE REASON` closes so, `drop` without a word. */
const server = new WebSocketServer({
  port: 0,
  host: '127.0.0.1',
  perMessageDeflate: { threshold: 100 },
  handleProtocols: (offered) => (offered.has('second') ? 'second' : false),
});
const ways = chains();
const closed: [code: number, reason: string][] = [];

server.on('connection', (socket) => {
  socket.on('close', (code, reason) => closed.push([code, String(reason)]));
  socket.on('error', () => {});
  socket.on('message', (data: Buffer, binary) => {
    const [verb, code, reason] = binary ? [] : String(data).split(' ');
    if (verb === 'close') socket.close(code === '' ? undefined : Number(code), reason);
    else if (verb === 'drop') socket.terminate();
    else socket.send(data, { binary });
  });
});

before(async () => {
  await once(server, 'listening');
  for (const way of ways) await way.begin(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
after(async () => {
  for (const way of ways) await way.end();
  server.close();
});

async function open(way: Chain, protocols: string[] = [], deflate = true): Promise<WebSocket> {
  const perMessageDeflate = deflate && { threshold: 0 };
  const socket = new WebSocket(way.url, protocols, { perMessageDeflate, rejectUnauthorized: false });
  await once(socket, 'open');
  return socket;
}

/** The next connection that the server saw close since `closed` was emptied. */
async function nextClosed(): Promise<[code: number, reason: string]> {
  while (closed.length === 0) await pause(5);
  return closed.shift()!;
}

for (const way of ways) {
  describe(`through ${way.what}`, () => {
    test('subprotocol and compression are agreed on between client and server', async () => {
      const socket = await open(way, ['first', 'second']);
      assert.equal(socket.protocol, 'second');
      assert.match(socket.extensions, /permessage-deflate/);
      socket.close();
      await once(socket, 'close');
      const plain = await open(way, [], false);
      assert.equal(plain.protocol, '');
      assert.equal(plain.extensions, '');
      plain.close();
      await once(plain, 'close');
    });

    test(`messages of all kinds and sizes come back as they were sent (seed ${SEED})`, async () => {
      const message = fc.record({
        binary: fc.boolean(),
        size: fc.oneof(fc.nat(300), fc.nat(200_000)),
        fragments: fc.integer({ min: 1, max: 4 }),
        fill: fc.string({ minLength: 1, maxLength: 20 }),
      });
      const conversation = fc.record({ deflate: fc.boolean(), messages: fc.array(message, { maxLength: 10 }) });
      const play = fc.asyncProperty(conversation, async ({ deflate, messages }) => {
        const socket = await open(way, [], deflate);
        const heard: (readonly [text: string, binary: boolean])[] = [];
        const all = new Promise<void>((resolve) => {
          if (messages.length === 0) resolve();
          socket.on('message', (data: Buffer, binary) => {
            heard.push([String(data), binary]);
            if (heard.length === messages.length) resolve();
          });
        });
        const said = messages.map(({ binary, size, fill }) => [`.${fill.repeat(size / fill.length)}`, binary] as const);
        for (const [i, [text, binary]] of said.entries()) {
          const { fragments } = messages[i]!;
          const length = Math.ceil(text.length / fragments);
          for (let n = 0; n < fragments; n++) {
            const part = Buffer.from(text.slice(n * length, (n + 1) * length));
            socket.send(part, { binary, fin: n === fragments - 1 });
          }
        }
        await all;
        assert.deepEqual(heard, said);
        socket.close();
        await once(socket, 'close');
      });
      await fc.assert(play, { seed: SEED, numRuns: CONVERSATIONS });
    });

    for (const [code, reason] of [
      [1000, ''],
      [1001, 'away'],
      [1011, 'inside'],
      [3000, ''],
      [4999, 'own'],
    ] as const) {
      test(`close code ${code} "${reason}" passes both ways`, async () => {
        const served = await open(way);
        served.send(`close ${code} ${reason}`);
        const [heard, why] = (await once(served, 'close')) as [number, Buffer];
        assert.deepEqual([heard, String(why)], [code, reason]);
        const own = await open(way);
        closed.length = 0;
        own.close(code, reason);
        await once(own, 'close');
        assert.deepEqual(await nextClosed(), [code, reason]);
      });
    }

    test('a server that goes without a word closes the client, and the other way round', async () => {
      const served = await open(way);
      served.on('error', () => {});
      served.send('drop');
      const [code] = (await once(served, 'close')) as [number];
      assert.equal(code, 1006);
      const own = await open(way);
      closed.length = 0;
      own.terminate();
      assert.equal((await nextClosed())[0], 1006);
    });
  });
}
