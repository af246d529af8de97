import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { io, type Socket } from 'socket.io-client';
import { control, type Instance, PATIENCE, running } from '../process/instance.js';

const APP = fileURLToPath(new URL('../../../examples/socketio/app.js', import.meta.url));
const WORKERS = 4;
const CLIENTS = 120;
/** That one client says in each round of a conversation. */
const MESSAGES = 5;
/** A reload that finds clients everywhere may move one of them at each step, and that in the middle of a handshake. */
const MAX_MOVES = 2 * WORKERS;

interface Place {
  readonly worker: string;
  readonly pid: number;
}

/** One that talks to the server by Socket.IO and, as is its default, connects again by itself. */
class Client {
  readonly socket: Socket;
  readonly transport: string;
  readonly #agent: Agent;
  /** Where each of its sessions was. */
  readonly places: Place[] = [];

  constructor(number: number, port: number, cookies: boolean) {
    // Those of both kinds are spread over all workers.
    this.transport = number % (2 * WORKERS) < WORKERS ? 'polling' : 'websocket';
    // Each comes from an address of its own, as clients do.
    this.#agent = new Agent({ keepAlive: true, localAddress: `127.0.1.${number + 1}` });
    this.socket = io(`http://127.0.0.1:${port}`, {
      transports: this.transport === 'polling' ? ['polling'] : ['polling', 'websocket'],
      // In Node this makes a client keep the cookies that it gets.
      withCredentials: cookies,
      agent: this.#agent as never,
      forceNew: true,
      reconnectionDelay: 100,
      reconnectionDelayMax: 1000,
    });
    this.socket.on('welcome', (place: Place) => this.places.push(place));
  }

  get pid(): number {
    return this.places.at(-1)?.pid ?? 0;
  }

  get connected(): boolean {
    return this.socket.connected && this.places.length > 0;
  }

  get upgraded(): boolean {
    return this.socket.connected && this.socket.io.engine.transport.name === this.transport;
  }

  /** All that it says is heard by the worker where its session is. */
  async converse(): Promise<void> {
    for (let i = 0; i < MESSAGES; i++) {
      const { pid } = (await this.socket.timeout(PATIENCE).emitWithAck('say', `message ${i}`)) as Place;
      assert.equal(pid, this.pid);
    }
  }

  /** Says one thing after another, for as long as that is wanted; what gets lost on the way is not said again. */
  async talk(wanted: () => boolean): Promise<void> {
    while (wanted()) {
      if (this.socket.connected) this.socket.emit('say', 'and so on');
      await sleep(100);
    }
  }

  async close(): Promise<void> {
    const { engine } = this.socket.io;
    const closed = new Promise((resolve) => engine.once('close', resolve));
    this.socket.close();
    if (engine.readyState !== 'closed') await closed;
    this.#agent.destroy();
  }
}

/** How often a worker has got a request of a session that is not its own. */
const strays = (instance: Instance): number =>
  instance.lines('output').filter(({ message }) => message.includes('Session ID unknown')).length;

for (const cookies of [false, true]) {
  const title = `${CLIENTS} Socket.IO clients ${cookies ? 'with cookies, --sticky cookie' : 'without cookies'}, ${WORKERS} workers`;
  test(title, { timeout: 5 * PATIENCE }, async (t) => {
    const clients: Client[] = [];
    const converse = async () => Promise.all(clients.map(async (client) => client.converse()));
    const args = ['start', APP, '-w', String(WORKERS), '--listen', '127.0.0.1:0', '--name', `socketio-${cookies}`];
    args.push('--drain-time', '1s', ...(cookies ? ['--sticky', 'cookie'] : []));
    await running(args, async (instance) => {
      const port = await instance.port();
      try {
        await t.test(
          'each session stays with the worker that opened it, from polling through the upgrade',
          async () => {
            for (let i = 0; i < CLIENTS; i++) clients.push(new Client(i, port, cookies));
            await instance.until(() => clients.every(({ connected }) => connected), 'all are connected');
            await converse();
            await instance.until(() => clients.every(({ upgraded }) => upgraded), 'those who may have their WebSocket');
            await converse();
            assert.equal(new Set(clients.map(({ pid }) => pid)).size, WORKERS);
            assert.ok(clients.every(({ places }) => places.length === 1));
            assert.equal(strays(instance), 0);
          },
        );

        await t.test('those of a killed worker get new sessions by themselves, the others keep theirs', async () => {
          const victim = clients[0]!.pid;
          const lost = new Set(clients.filter(({ pid }) => pid === victim));
          process.kill(victim, 'SIGKILL');
          await instance.until(
            () => clients.every(({ connected, pid }) => connected && pid !== victim),
            'they are back',
          );
          await converse();
          for (const client of clients) assert.equal(client.places.length, lost.has(client) ? 2 : 1);
          assert.equal(strays(instance), 0);
        });

        await t.test(
          'a reload brings all to new workers, and no worker is asked for a session of another',
          async () => {
            const old = new Set(clients.map(({ pid }) => pid));
            let reloading = true;
            const talks = clients.map(async (client) => client.talk(() => reloading));
            assert.deepEqual(await control(instance, 'reload'), { workers: WORKERS });
            reloading = false;
            await Promise.all(talks);
            await instance.until(
              () => clients.every(({ connected, pid }) => connected && !old.has(pid)),
              'all have moved',
            );
            await converse();
            for (const { places } of clients) assert.ok(places.length <= 2 + MAX_MOVES);
            assert.equal(strays(instance), 0);
          },
        );
      } finally {
        await Promise.all(clients.map(async (client) => client.close()));
      }
    });
  });
}
