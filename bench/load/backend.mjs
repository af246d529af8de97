// The endpoint of all proxies under test: node backend.mjs PORT. It costs far less than any of them, since it reads no more of a request
// than where it ends: a path that begins with /32k gets 32 KiB, any other 13 octets; with /vary no two answers have the same head.
import { createServer } from 'node:net';

const answer = (body, fields = '') =>
  Buffer.concat([
    Buffer.from(`HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n${fields}Content-Length: ${body.length}\r\n\r\n`),
    body,
  ]);
const HELLO = Buffer.from('Hello, world!');
let answers = 1e6;
const SMALL = answer(HELLO);
const VARYING = () => answer(HELLO, `ETag: "${++answers}"\r\n`);
const LARGE = answer(Buffer.alloc(32 * 1024, 'x'));
const LENGTH = /\r\ncontent-length: *(\d+)/i;

class Connection {
  #socket;
  #head = '';
  #left = 0;
  #answer = SMALL;

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
      const path = this.#head.indexOf(' ') + 1;
      if (this.#head.startsWith('/32k', path)) this.#answer = LARGE;
      else this.#answer = this.#head.startsWith('/vary', path) ? VARYING() : SMALL;
      // A GET ends with its head: nothing is searched for.
      this.#left = body === 0 && this.#head.startsWith('GET') ? 0 : Number(LENGTH.exec(this.#head)?.[1] ?? 0) - body;
      this.#head = '';
    } else {
      this.#left -= chunk.length;
    }
    if (this.#left === 0) this.#socket.write(this.#answer);
  }
}

createServer({ noDelay: true }, (socket) => new Connection(socket)).listen({
  port: Number(process.argv[2]),
  host: '127.0.0.1',
  backlog: 4096,
});
