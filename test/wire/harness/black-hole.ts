import net from 'node:net';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { pause } from './peer.js';

/** Listens and then does nothing any more, not even accept. */
const FROZEN = `
  const { parentPort, workerData } = require('node:worker_threads');
  const server = require('node:net').createServer();
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    setImmediate(() => {
      Atomics.wait(new Int32Array(workerData), 0, 0);
      server.close();
    });
  });
`;

/**
 * A host of which nothing comes back, not even a refusal, as behind a firewall that drops packets: its kernel has no room for one more
 * connection and does not answer those who ask (Linux).
 */
export class BlackHole {
  readonly #worker: Worker;
  readonly #thaw: SharedArrayBuffer;
  readonly #fillers: net.Socket[] = [];
  readonly port: number;

  private constructor(worker: Worker, thaw: SharedArrayBuffer, port: number) {
    this.#worker = worker;
    this.#thaw = thaw;
    this.port = port;
  }

  static async open(): Promise<BlackHole> {
    const thaw = new SharedArrayBuffer(4);
    const worker = new Worker(FROZEN, { eval: true, workerData: thaw });
    const [port] = (await once(worker, 'message')) as [number];
    const hole = new BlackHole(worker, thaw, port);
    while (await hole.#fill());
    return hole;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** One connection more; false: it was not answered. */
  async #fill(): Promise<boolean> {
    if (this.#fillers.length >= 16) throw new Error('the kernel takes every connection');
    const socket = net.connect(this.port, '127.0.0.1').on('error', () => {});
    this.#fillers.push(socket);
    await Promise.race([once(socket, 'connect'), pause(300)]);
    return !socket.connecting;
  }

  async close(): Promise<void> {
    for (const socket of this.#fillers) socket.destroy();
    const gone = once(this.#worker, 'exit');
    Atomics.store(new Int32Array(this.#thaw), 0, 1);
    Atomics.notify(new Int32Array(this.#thaw), 0);
    await gone;
  }
}
