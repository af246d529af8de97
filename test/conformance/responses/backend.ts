import net, { type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { segmentsOf } from '../cases.js';
import type { ResponseCase } from './response-case.js';

/** Time in which what was sent before an end or a reset arrives, or an answer is read whole. */
const END_MS = 30;
const LATER_MS = 120;

/** The endpoint behind the balancer: answers one request as the case says, and probes with their own name. */
export class ScriptedBackend {
  readonly #one: ResponseCase;
  readonly #server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#serve(socket));
  readonly #sockets = new Set<Socket>();

  constructor(one: ResponseCase) {
    this.#one = one;
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as net.AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(socket: Socket): void {
    let text = '';
    let busy = false;
    const take = async (): Promise<void> => {
      const end = text.indexOf('\r\n\r\n');
      if (busy || end < 0) return;
      const head = text.slice(0, end);
      text = text.slice(end + 4);
      busy = true;
      const probe = /^\S+ \S*\/probe-(\w+) /.exec(head)?.[1];
      if (probe === undefined) await this.#answer(socket);
      else socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${6 + probe.length}\r\n\r\nprobe:${probe}`);
      busy = false;
      await take();
    };
    this.#sockets.add(socket);
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      void take();
    });
    socket.on('end', () => socket.end()).on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
  }

  async #answer(socket: Socket): Promise<void> {
    const { raw, gap, end, reset, stray, strayEnd } = this.#one;
    for (const [i, segment] of segmentsOf(this.#one, raw).entries()) {
      if (i > 0) await sleep(gap ?? 20);
      if (segment.length > 0) socket.write(segment);
    }
    if (end === true) {
      await sleep(END_MS);
      socket.end();
    }
    if (reset === true) {
      await sleep(LATER_MS);
      socket.resetAndDestroy();
    }
    if (stray === undefined) return;
    setTimeout(() => {
      socket.write(Buffer.from(stray, 'latin1'));
      if (strayEnd === true) socket.end();
    }, LATER_MS);
  }
}
