import net, { type AddressInfo, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { PATIENCE, pause } from '../wire/harness/peer.js';
import { countSockets, countTimers } from '../wire/harness/sockets.js';
import { handshake, switching } from '../wire/harness.js';
import { Chain } from './chain.js';

const SEED = Number(process.env.MULTISERVER_SEED ?? 1);
const AT_ONCE = 50;
const TUNNELS = process.env.MULTISERVER_LONG === undefined ? 300 : 10_000;

/** So far it gets before somebody breaks it. */
const PHASES = ['connected', 'asked', 'answered', 'open', 'flowing'] as const;
const abort = fc.record({
  phase: fc.constantFrom(...PHASES),
  by: fc.constantFrom('client', 'server'),
  how: fc.constantFrom('end', 'destroy', 'resetAndDestroy'),
  size: fc.nat(200_000),
});
type Abort = typeof abort extends fc.Arbitrary<infer T> ? T : never;

/** A WebSocket server as far as this goes: whoever asks for a path gets the connection that asked for it, and ends are answered in kind. */
const server = net.createServer((socket) => {
  socket.once('data', (chunk) => asked.get(/^GET (\S+)/.exec(chunk.toString('latin1'))?.[1] ?? '')?.(socket));
  socket.on('error', () => {}).resume();
});
const asked = new Map<string, (socket: Socket) => void>();
const chain = new Chain('two balancers', 2);

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  await chain.begin(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
after(async () => {
  await chain.end();
  server.close();
});

let serial = 0;

async function breakOne({ phase, by, how, size }: Abort): Promise<void> {
  const client = chain.connect();
  const gone = new Promise((resolve) => client.once('close', resolve).once('end', resolve));
  client.on('error', () => {}).resume();
  await new Promise((resolve) => client.once('connect', resolve));
  const reached = PHASES.indexOf(phase);
  let end = client;
  if (reached >= 1) {
    const path = `/${serial++}`;
    const arrives = new Promise<Socket>((resolve) => asked.set(path, resolve));
    client.write(handshake(path));
    if (reached >= 2 || by === 'server') {
      const socket = await arrives;
      if (by === 'server') end = socket;
      if (reached >= 2) socket.write(switching);
      if (reached >= 3) await new Promise((resolve) => client.once('data', resolve));
      if (reached === 4) for (const one of [socket, client]) one.write(Buffer.alloc(size));
    }
    asked.delete(path);
  }
  end[how]();
  // Before the 101 the balancer has the say, and may ask again. Then it is the client's turn to go.
  if (end === client || reached >= 2) await gone;
  client.destroy();
}

test(`${TUNNELS} tunnels broken in any phase by either side leave nothing behind (seed ${SEED})`, async () => {
  const sockets = countSockets();
  const timers = countTimers();
  const some = fc.array(abort, { minLength: AT_ONCE, maxLength: AT_ONCE });
  const play = fc.asyncProperty(some, async (aborts) => void (await Promise.all(aborts.map(breakOne))));
  await fc.assert(play, { seed: SEED, numRuns: TUNNELS / AT_ONCE, endOnFailure: true });
  const end = performance.now() + PATIENCE;
  while (!chain.isIdle || countSockets() > sockets || countTimers() > timers) {
    if (performance.now() > end) {
      const left = `${countSockets() - sockets} sockets, ${countTimers() - timers} timers`;
      throw new Error(`${left}${chain.isIdle ? '' : ', and the balancers count what is gone'}`);
    }
    await pause(20);
  }
});
