import net, { type Socket } from 'node:net';
import { parseRequest, type StrictRequest, valuesOf } from './strict-request.js';

/** What arrived of one case. */
export interface Arrivals {
  readonly requests: StrictRequest[];
  /** What could not be read. */
  readonly bad: string[];
  /** Octets of requests that never became whole. */
  readonly cut: number[];
}

/** By this the answer to a request is known again: its target's end. */
export const echoOf = (target: string): string => target.slice(-24).replace(/[^\x21-\x7e]/g, '?');

/** Time in which octets after an upgrade or CONNECT, that must wait for the answer to it, would come. */
const TUNNEL_MS = 150;

/** The endpoint behind the balancer: records what arrives, by the token in it, and answers so that every answer tells what it answers. */
export class RecordingBackend {
  readonly #server = net.createServer({ allowHalfOpen: true }, (socket) => this.#serve(socket));
  readonly #sockets = new Set<Socket>();
  readonly #arrivals = new Map<string, Arrivals>();
  /** Whose everything is that has no token. */
  alone: Arrivals | null = null;
  /** What nobody has sent. */
  readonly orphans: string[] = [];

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as net.AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  record(token: string): Arrivals {
    const arrivals: Arrivals = { requests: [], bad: [], cut: [] };
    this.#arrivals.set(token, arrivals);
    return arrivals;
  }

  #ownerOf(text: string): Arrivals {
    for (const [, token] of text.matchAll(/(?=(q[0-9a-z]{5}))/g)) {
      const arrivals = this.#arrivals.get(token!);
      if (arrivals !== undefined) return arrivals;
    }
    if (this.alone !== null) return this.alone;
    this.orphans.push(text.slice(0, 120));
    return { requests: [], bad: [], cut: [] };
  }

  #serve(socket: Socket): void {
    let text = '';
    let busy = false;
    let over = false;
    let continued = false;
    const gone = (): void => {
      this.#sockets.delete(socket);
      if (text !== '' && !over && !busy) this.#ownerOf(text).cut.push(text.length);
      over = true;
      socket.end();
    };
    const take = (): void => {
      if (busy || over || text === '') return;
      const parsed = parseRequest(text);
      if (parsed === null) return;
      if ('bad' in parsed) {
        over = true;
        this.#ownerOf(text).bad.push(parsed.bad);
        socket.end('HTTP/1.1 400 Bad Request\r\nX-Echo: bad\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      } else if ('head' in parsed) {
        const { minor, fields } = parsed.head;
        const expects = valuesOf(fields, 'expect').some((value) => /100-continue/i.test(value));
        if (!continued && minor === '1' && expects) socket.write('HTTP/1.1 100 Continue\r\n\r\n');
        continued ||= expects;
      } else {
        const { request, used } = parsed;
        this.#ownerOf(`${request.target}\n${text.slice(0, used)}`).requests.push(request);
        text = text.slice(used);
        busy = true;
        continued = false;
        setTimeout(() => reply(request), isTunnel(request) ? TUNNEL_MS : 0);
      }
    };
    const reply = (request: StrictRequest): void => {
      busy = false;
      const close = saysClose(request);
      if ((isTunnel(request) || close) && text !== '') request.warnings.push('early-bytes');
      socket.write(answerTo(request, close));
      if (!close) return take();
      over = true;
      socket.end();
    };
    this.#sockets.add(socket);
    socket.on('data', (chunk) => {
      if (over) return;
      text += chunk.toString('latin1');
      take();
    });
    socket.on('end', gone).on('error', gone).on('close', gone);
  }
}

const isTunnel = ({ method, fields }: StrictRequest): boolean =>
  method === 'CONNECT' || valuesOf(fields, 'upgrade').length > 0;

function saysClose({ minor, fields }: StrictRequest): boolean {
  const connection = valuesOf(fields, 'connection').join(',').toLowerCase();
  return /\bclose\b/.test(connection) || (minor === '0' && !connection.includes('keep-alive'));
}

function answerTo({ method, target }: StrictRequest, close: boolean): string {
  const status = method === 'CONNECT' ? '501 Not Implemented' : '200 OK';
  const fields = `X-Echo: ${echoOf(target)}\r\nContent-Length: 2\r\n${close ? 'Connection: close\r\n' : ''}`;
  return `HTTP/1.1 ${status}\r\n${fields}\r\n${method === 'HEAD' ? '' : 'ok'}`;
}
