// The endpoint of all proxies under test: node backend.mjs PORT. It costs far less than any of them, since it reads no more of a request
// than where it ends: a path that begins with /32k gets 32 KiB, any other 13 octets.
import { createServer } from 'node:net';

const answer = (body) =>
  Buffer.concat([
    Buffer.from(`HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n`),
    body,
  ]);
const SMALL = answer(Buffer.from('Hello, world!'));
const LARGE = answer(Buffer.alloc(32 * 1024, 'x'));
const LENGTH = /\r\ncontent-length: *(\d+)/i;

class Connection {
  #socket;
  #head = '';
  #left = 0;
  #large = false;

  constructor(socket) {
    this.#socket = socket;
    socket.on('error', () => {});
    socket.on('data', (chunk) => this.#onData(chunk));
  }

  #onData(chunk) {
    if (this.#left === 0) {
      this.#head += chunk.latin1Slice();
      const end = this.#head.indexOf('\r\n\r\n');
      if (end < 0) return;
      const body = this.#head.length - end - 4;
      this.#large = this.#head.startsWith('/32k', this.#head.indexOf(' ') + 1);
      // A GET ends with its head: nothing is searched for.
      this.#left = body === 0 && this.#head.startsWith('GET') ? 0 : Number(LENGTH.exec(this.#head)?.[1] ?? 0) - body;
      this.#head = '';
    } else {
      this.#left -= chunk.length;
    }
    if (this.#left === 0) this.#socket.write(this.#large ? LARGE : SMALL);
  }
}

createServer({ noDelay: true }, (socket) => new Connection(socket)).listen({
  port: Number(process.argv[2]),
  host: '127.0.0.1',
  backlog: 4096,
});
