import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { PATIENCE, running, type Instance } from './instance.js';

/** An endpoint that answers when it is told to. */
class Endpoint {
  readonly waiting: ServerResponse[] = [];
  readonly #server: Server = createServer((_: IncomingMessage, answer) => void this.waiting.push(answer));

  async listen(): Promise<string> {
    this.#server.keepAliveTimeout = 600_000;
    this.#server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 });
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  answerAll(): void {
    for (const answer of this.waiting.splice(0)) answer.end('ok');
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

/** A client that sends one request and says how it fared. */
class Client {
  readonly socket: Socket;
  text = '';
  error = '';
  closed = false;

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1' });
    this.socket.on('error', (error: NodeJS.ErrnoException) => (this.error = error.code ?? error.message));
    this.socket.on('close', () => (this.closed = true));
    this.socket.setEncoding('latin1').on('data', (text: string) => (this.text += text));
    this.socket.write('GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n');
  }

  get answered(): boolean {
    return this.text.startsWith('HTTP/1.1 200 ') && this.text.endsWith('ok');
  }
}

async function until(what: string, met: () => boolean): Promise<void> {
  const end = Date.now() + PATIENCE;
  while (!met()) {
    if (Date.now() > end) throw new Error(`Waited in vain until ${what}`);
    await sleep(10);
  }
}

const openFiles = (): number =>
  Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1]);
const linux = process.platform === 'linux' ? false : 'needs Linux';

async function proxying(
  t: TestContext,
  args: string[],
  openFilesOfProxy: number | undefined,
  play: (instance: Instance, endpoint: Endpoint) => Promise<void>,
) {
  const endpoint = new Endpoint();
  t.after(() => endpoint.close());
  const url = await endpoint.listen();
  const setting = openFilesOfProxy === undefined ? {} : { openFiles: openFilesOfProxy };
  await running(['proxy', url, '--listen', '127.0.0.1:0', ...args], (instance) => play(instance, endpoint), setting);
}

test(
  'five thousand connections at once, each with a request in progress, are all answered',
  { skip: linux },
  async (t) => {
    // This process holds both ends of the balancer's connections.
    const count = Math.min(5000, Math.floor((openFiles() - 500) / 2));
    t.diagnostic(`${count} connections`);
    await proxying(t, ['--max-connections', `${count}`], undefined, async (instance, endpoint) => {
      const port = await instance.port();
      const clients: Client[] = [];
      for (let i = 0; i < count; i++) {
        clients.push(new Client(port));
        if (i % 100 === 99) await sleep(1);
      }
      await until('all requests are at the endpoint', () => endpoint.waiting.length === count);
      endpoint.answerAll();
      await until('all are answered', () => clients.every(({ closed }) => closed));
      assert.equal(clients.filter(({ answered }) => answered).length, count);
    });
  },
);

test(
  'when more wait than descriptors allow, clients are refused, none is reset, and it listens again',
  { skip: linux },
  async (t) => {
    const settings = ['--max-connections', '4', '--response-timeout', '10m', '--timeout', '10m'];
    // 400 − 256 − 2 · 4 may wait.
    await proxying(t, settings, 400, async (instance, endpoint) => {
      const port = await instance.port();
      const clients: Client[] = [];
      const refused = () => clients.filter(({ error }) => error === 'ECONNREFUSED').length;
      await until('a client is refused', () => {
        if (clients.length < 2000) clients.push(new Client(port));
        return refused() > 0;
      });
      const accepted = clients.length - refused();
      t.diagnostic(`${accepted} were accepted of ${clients.length}`);
      assert.ok(accepted >= 4 + 136);
      let answered = 0;
      await until('all that were accepted are answered', () => {
        endpoint.answerAll();
        answered = clients.filter((client) => client.answered).length;
        return answered === clients.length - refused();
      });
      assert.deepEqual(
        clients.filter(({ error }) => error !== '' && error !== 'ECONNREFUSED').map(({ error }) => error),
        [],
      );
      const late = new Client(port);
      await until('it listens again', () => {
        endpoint.answerAll();
        return late.answered;
      });
    });
  },
);
