import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { PATIENCE } from './instance.js';

/** Of an app that answers `GET /events` with an event stream, and echoes on WebSockets; `handle` answers the rest. */
export const lastingApp = (handle: string): string => `const http = require('node:http');
const { WebSocketServer } = require(${JSON.stringify(createRequire(import.meta.url).resolve('ws'))});
const handle = ${handle};
const server = http.createServer((req, res) => {
  if (req.url !== '/events') return handle(req, res);
  res.writeHead(200, { 'content-type': 'text/event-stream' });
  const timer = setInterval(() => { res.write('data: '); setImmediate(() => res.write('tick\\n\\n')); }, 10);
  res.on('close', () => clearInterval(timer));
});
new WebSocketServer({ server }).on('connection', (socket) => {
  socket.on('message', (data) => socket.send(data));
  socket.on('error', () => {});
});
server.listen(0, '127.0.0.1');
`;

const GOING_AWAY = 1001;

/** Clients with event streams and WebSockets, which come again when theirs is ended in order; whatever else happens is a failure. */
export class LastingLoad {
  /** Ended in order, and begun anew. */
  ended = 0;
  echoes = 0;
  readonly failures: string[] = [];
  #stopped = false;
  readonly #port: number;
  readonly #clients: Promise<void[]>;

  constructor(port: number, count: number) {
    this.#port = port;
    const loop = async (once: () => Promise<string | null>): Promise<void> => {
      while (!this.#stopped && this.failures.length < 20) {
        const failure = await once().catch(String);
        if (this.#stopped) return;
        if (failure === null) this.ended++;
        else this.failures.push(failure);
      }
    };
    const each = (once: () => Promise<string | null>) => Array.from({ length: count }, () => loop(once));
    this.#clients = Promise.all([...each(() => this.#listen()), ...each(() => this.#talk())]);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#clients;
  }

  async #listen(): Promise<string | null> {
    const call = request({
      host: '127.0.0.1',
      port: this.#port,
      path: '/events',
      agent: false,
      timeout: PATIENCE,
    }).end();
    const [response] = (await once(call, 'response')) as [IncomingMessage];
    if (response.statusCode !== 200) return `event stream: ${response.statusCode}`;
    let text = '';
    try {
      for await (const piece of response.setEncoding('utf8')) {
        text = (text + String(piece)).slice(-20);
        if (this.#stopped) return null;
      }
    } catch (error) {
      return `event stream: ${String(error)}`;
    }
    return text === '' || text.endsWith('\n\n') ? null : `event stream: ended after ${JSON.stringify(text)}`;
  }

  async #talk(): Promise<string | null> {
    const socket = new WebSocket(`ws://127.0.0.1:${this.#port}/`);
    const closed = new Promise<string | null>((resolve) => {
      socket.on('error', (error) => resolve(`WebSocket: ${error.message}`));
      socket.on('close', (code) => resolve(code === GOING_AWAY ? null : `WebSocket: closed with ${code}`));
    });
    let wrong: string | null = null;
    let next = 0;
    const say = (): void => {
      if (socket.readyState === WebSocket.OPEN) socket.send(`message ${next}`);
    };
    socket.on('open', say);
    socket.on('message', (data: Buffer) => {
      if (data.toString() !== `message ${next}`) wrong = `WebSocket: ${data.toString()} came back for message ${next}`;
      this.echoes++;
      next++;
      if (this.#stopped) socket.close();
      else setTimeout(say, 5);
    });
    const end = await closed;
    await sleep(1);
    return wrong ?? end;
  }
}
