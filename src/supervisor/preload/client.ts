import http from 'node:http';
import type net from 'node:net';
import { CLIENT_FIELD } from './settings.js';

/** The client as the balancer's field tells it. */
export interface Client {
  readonly encrypted: boolean;
  readonly address: string;
  readonly port: number;
  readonly localPort: number;
}

/** What those requests say that the balancer makes itself, for a health check; a text, for apps take the address to be one. */
const NOBODY: Client = { encrypted: false, address: '127.0.0.1', port: 0, localPort: 0 };

/** `https;203.0.113.7;51234;443`. Only the balancer can reach the socket, so what it wrote is trusted. */
export function parseClient(value: string): Client {
  const [proto = '', address = NOBODY.address, port, localPort] = value.split(';');
  return { encrypted: proto === 'https', address, port: Number(port ?? 0), localPort: Number(localPort ?? 0) };
}

const CARRIED = Symbol('multiserver.client');

/** A connection of the balancer; its properties say who the client of its latest request is. */
interface CarryingSocket {
  remoteAddress: string;
  remoteFamily: string;
  remotePort: number;
  localPort: number;
  encrypted: boolean;
  /** The field's value that the properties say. */
  [CARRIED]: string;
}

function say(socket: CarryingSocket, value: string): void {
  // clients keep their connections, so the next request of this one is often the same client's
  if (socket[CARRIED] === value) return;
  const client = value === '' ? NOBODY : parseClient(value);
  socket[CARRIED] = value;
  socket.remoteAddress = client.address;
  socket.remoteFamily = client.address.includes(':') ? 'IPv6' : 'IPv4';
  socket.remotePort = client.port;
  socket.localPort = client.localPort;
  socket.encrypted = client.encrypted;
}

const PROPERTIES: PropertyDescriptorMap = Object.fromEntries(
  ['remoteAddress', 'remoteFamily', 'remotePort', 'localPort', 'encrypted', CARRIED].map((name) => [
    name,
    // own data properties, for those of the prototype can only be read; CARRIED is not '' so that the first `say` says all
    { value: null, writable: true, configurable: true, enumerable: typeof name === 'string' },
  ]),
);

/** Prepares the connections of a server to carry the client's address. */
export function carryClient(server: http.Server): void {
  server.prependListener('connection', (socket: net.Socket) => {
    Object.defineProperties(socket, PROPERTIES);
    say(socket as unknown as CarryingSocket, '');
  });
}

type AddHeaderLines = (this: http.IncomingMessage, lines: string[] | undefined, count: number) => void;

/**
 * Takes the balancer's field out of each request before anybody sees it. Node's HTTP server hands every head, of upgrades and `CONNECT`
 * too, to this method first, as flat name-value pairs from which `rawHeaders`, `headers` and `headersDistinct` are made later: one place,
 * and nothing is made that the app does not ask for.
 */
export function readClientField(): void {
  const prototype = http.IncomingMessage.prototype as unknown as { _addHeaderLines: AddHeaderLines };
  const addHeaderLines = prototype._addHeaderLines;
  prototype._addHeaderLines = function readAndAddHeaderLines(lines, count) {
    const socket = this.socket as unknown as CarryingSocket;
    // a trailer section comes this way as well, when the head is long since read
    if (lines === undefined || socket?.[CARRIED] === undefined || this.complete)
      return addHeaderLines.call(this, lines, count);
    let value = '';
    let left = count;
    for (let i = lines.length - 2; i >= 0; i -= 2) {
      if (lines[i]!.length !== CLIENT_FIELD.length || lines[i] !== CLIENT_FIELD) continue;
      value = lines[i + 1]!;
      lines.splice(i, 2);
      if (i < left) left -= 2;
    }
    say(socket, value);
    addHeaderLines.call(this, lines, left);
  };
}
