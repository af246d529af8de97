import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { MultiserverError } from '../errors.js';
import type { TLSSocket } from 'node:tls';
import type { ClientInfo } from '../exchange.js';
import { ServerConnection } from '../http1/server-connection.js';
import type { ServerSettings } from '../http1/server-settings.js';
import { runClock, stopClock } from '../util/clock.js';
import type { BoundAddress, ListenAddress } from './address.js';
import { readingSocket } from './reading-socket.js';
import { SecureFront, type SecureFrontSettings } from './secure-front.js';

export interface ListenerSettings extends Omit<ServerSettings, 'onClose'> {
  readonly maxConnections: number;
  /** Undefined: no HTTPS. */
  readonly https: Omit<SecureFrontSettings, 'onSecure'> | undefined;
}

/** Connections over the limit that wait, unread, for a place; more are refused. */
const MAX_WAITING = 1024;

/** All ports of one balancer and the connections that came in by them, with one limit for all. */
export class Listener {
  readonly connections = new Set<ServerConnection>();
  readonly #settings: ListenerSettings;
  readonly #connectionSettings: ServerSettings;
  readonly #servers: Server[] = [];
  readonly #waiting: { readonly socket: Socket; readonly secure: boolean }[] = [];
  readonly #front: SecureFront | null;
  /** In the middle of a TLS handshake, by {@link peerOf}; they count as connections. */
  readonly #handshakes = new Map<string, Socket>();
  #closing = false;
  #closed: (() => void) | null = null;

  constructor(settings: ListenerSettings) {
    this.#settings = { ...settings };
    this.#connectionSettings = { ...settings, onClose: (connection) => this.#onClose(connection) };
    const { https } = settings;
    this.#front =
      https === undefined ? null : new SecureFront({ ...https, onSecure: (socket) => this.#onSecure(socket) });
  }

  /** Takes new certificates from their files. */
  refreshCertificates(force: boolean): void {
    this.#front?.refresh(force);
  }

  /** Resolves with the address that was bound; rejects with MS_LISTEN_FAILED. */
  listen(address: ListenAddress): Promise<BoundAddress> {
    const secure = address.secure ?? this.#front !== null;
    if (secure && this.#front === null) {
      return Promise.reject(
        new MultiserverError(
          'MS_INVALID_OPTION',
          'There is no certificate for an https address: give https.cert and key.',
        ),
      );
    }
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) =>
      this.#accept(socket, secure),
    );
    return new Promise((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(address, error)));
      server.listen({ ...address, backlog: 4096 }, () => {
        server.removeAllListeners('error');
        // Accepting fails for a while when descriptors run out: the next connection tries again.
        server.on('error', () => {});
        this.#servers.push(server);
        const bound = server.address() as AddressInfo | string;
        resolve(
          typeof bound === 'string' ? { path: bound, secure } : { host: bound.address, port: bound.port, secure },
        );
      });
    });
  }

  /** Live change, also for the connections that are there. */
  configure(settings: Partial<Omit<ListenerSettings, 'https'>>): void {
    Object.assign(this.#settings, settings);
    Object.assign(this.#connectionSettings, settings);
  }

  #accept(socket: Socket, secure: boolean): void {
    if (this.#closing) {
      socket.destroy();
      return;
    }
    const open = this.connections.size + this.#handshakes.size;
    if (open >= this.#settings.maxConnections && !this.#closeIdle()) {
      socket.on('error', () => {});
      if (this.#waiting.length >= MAX_WAITING) socket.destroy();
      else this.#waiting.push({ socket, secure });
      return;
    }
    this.#begin(socket, secure);
  }

  #begin(socket: Socket, secure: boolean): void {
    // Gone while it waited.
    if (socket.destroyed) return;
    if (!secure) {
      this.#serve((onRead) => readingSocket(socket, onRead));
      return;
    }
    const peer = peerOf(socket);
    this.#handshakes.set(peer, socket);
    socket.on('error', () => {});
    socket.once('close', () => {
      if (this.#handshakes.get(peer) !== socket) return;
      this.#handshakes.delete(peer);
      this.#onRoom();
    });
    this.#front!.open(socket);
  }

  #onSecure(socket: TLSSocket): void {
    this.#handshakes.delete(peerOf(socket));
    if (this.#closing) socket.destroy();
    else this.#serve((onRead) => socket.on('data', (chunk) => onRead(chunk, chunk.length)));
  }

  #serve(open: (onRead: (buf: Buffer, size: number) => void) => Socket): void {
    const socket = open((buf, size) => {
      stopClock();
      try {
        connection.onRead(buf, size);
      } finally {
        runClock();
      }
    });
    const connection = new ServerConnection(socket, clientOf(socket), this.#connectionSettings);
    this.connections.add(connection);
  }

  /** At the limit, the connection that has been idle longest makes room. */
  #closeIdle(): boolean {
    for (const connection of this.connections) {
      if (!connection.idle) continue;
      connection.destroy();
      this.connections.delete(connection);
      return true;
    }
    return false;
  }

  #onClose(connection: ServerConnection): void {
    this.connections.delete(connection);
    this.#onRoom();
  }

  #onRoom(): void {
    const next = this.#waiting.shift();
    if (next !== undefined) this.#begin(next.socket, next.secure);
    if (this.#closing && this.connections.size === 0) this.#closed?.();
  }

  tick(now: number): void {
    for (const connection of this.connections) connection.tick(now);
  }

  /** Stops accepting and closes each connection after the answer in progress; resolves when the last one is closed. */
  close(): Promise<void> {
    this.#closing = true;
    for (const server of this.#servers) server.close();
    for (const { socket } of this.#waiting.splice(0)) socket.destroy();
    for (const socket of this.#handshakes.values()) socket.destroy();
    return new Promise((resolve) => {
      this.#closed = resolve;
      for (const connection of this.connections) connection.close();
      if (this.connections.size === 0) resolve();
    });
  }

  destroy(): void {
    for (const connection of this.connections) connection.destroy();
  }
}

/** What tells one TCP connection from all others; the same before and after the TLS handshake. */
function peerOf({ remoteAddress, remotePort, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localPort}`;
}

function clientOf(socket: Socket): ClientInfo {
  const address = socket.remoteAddress ?? '';
  return {
    // An IPv4 client of a dual-stack socket is an IPv4 client.
    address: address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address,
    port: socket.remotePort ?? 0,
    localAddress: socket.localAddress ?? '',
    localPort: socket.localPort ?? 0,
    encrypted: 'encrypted' in socket,
  };
}

function listenError(address: ListenAddress, error: NodeJS.ErrnoException): MultiserverError {
  const where =
    'path' in address ? address.path : 'fd' in address ? `file descriptor ${address.fd}` : `port ${address.port}`;
  const why =
    error.code === 'EADDRINUSE'
      ? 'it is already in use'
      : error.code === 'EACCES'
        ? 'permission is denied'
        : error.code === 'EADDRNOTAVAIL'
          ? 'this machine has no such address'
          : error.message;
  return new MultiserverError('MS_LISTEN_FAILED', `Cannot listen on ${where}: ${why}.`, { cause: error });
}
