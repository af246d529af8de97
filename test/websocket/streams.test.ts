import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { Client } from '../wire/harness/client.js';
import { Origin } from '../wire/harness/origin.js';
import type { Peer } from '../wire/harness/peer.js';
import { Transcript } from '../wire/harness/transcript.js';
import { handshake, switching } from '../wire/harness.js';
import { chains } from './chain.js';
import { encode, frames, piecesOf } from './frames.js';

const SEED = Number(process.env.MULTISERVER_SEED ?? 1);
const STREAMS = process.env.MULTISERVER_LONG === undefined ? 200 : 1000;

const origin = new Origin('origin', new Transcript());
const ways = chains();

before(async () => {
  await origin.listen({ host: '127.0.0.1', port: 0 });
  for (const way of ways) await way.begin(origin.url);
});
after(async () => {
  for (const way of ways) await way.end();
  await origin.close();
});

const cuts = fc.array(fc.nat(1000), { maxLength: 12 });
const stream = fc.record({
  way: fc.nat(ways.length - 1),
  up: frames,
  down: frames,
  upCuts: cuts,
  downCuts: cuts,
  /** The server sends its first piece in one write with the 101. */
  together: fc.boolean(),
  clientEnds: fc.boolean(),
});

test(`${STREAMS} random streams of frames arrive bit by bit, both ways, through ${ways.map(({ what }) => what).join(', ')} (seed ${SEED})`, async () => {
  let serial = 0;
  const play = fc.asyncProperty(stream, async ({ way, up, down, upCuts, downCuts, together, clientEnds }) => {
    const client = new Client('client', ways[way]!.connect(), new Transcript());
    const path = `/${serial++}`;
    client.send(handshake(path));
    const { peer } = await origin.until(path, () => origin.calls.find(({ target }) => target === path));
    const sent = Buffer.concat(up.map((frame) => encode(frame, true)));
    const returned = Buffer.concat(down.map((frame) => encode(frame, false)));
    const [first = Buffer.alloc(0), ...rest] = piecesOf(returned, downCuts);
    if (together) peer.send(Buffer.concat([Buffer.from(switching), first]));
    else peer.send(switching, first);
    await client.head();
    await Promise.all([sendAll(client, piecesOf(sent, upCuts)), sendAll(peer, rest)]);
    await Promise.all([client.expect(returned), peer.expect(sent)]);
    const [one, other] = clientEnds ? [client, peer] : [peer, client];
    one.end();
    await other.expectClosed();
    other.end();
    await one.expectClosed();
  });
  await fc.assert(play, { seed: SEED, numRuns: STREAMS });
});

async function sendAll(peer: Peer, pieces: Iterable<Buffer>): Promise<void> {
  for (const piece of pieces) {
    peer.send(piece);
    if (piece.length % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}
