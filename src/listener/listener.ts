import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { MultiserverError } from '../errors.js';
import type { ClientInfo } from '../exchange.js';
import { ServerConnection } from '../http1/server-connection.js';
import type { ServerSettings } from '../http1/server-settings.js';
import { runClock, stopClock } from '../util/clock.js';
import { openFileLimit } from '../util/open-files.js';
import type { BoundAddress, ListenAddress } from './address.js';
import { ClientCounts } from './client-counts.js';
import { Port } from './port.js';
import { readingSocket } from './reading-socket.js';
import { Refusals } from './refusal.js';
import { SecureFront, type SecureFrontSettings } from './secure-front.js';

export interface ListenerSettings extends Omit<ServerSettings, 'onClose'> {
  readonly maxConnections: number;
  readonly maxConnectionsPerClient: number;
  /** Many clients come from this address: it is not limited. */
  readonly isProxy: (address: string) => boolean;
  /** A complete answer for a client that has too many connections. */
  readonly onTooMany: () => string;
  readonly onProblem: (message: string, error?: unknown) => void;
  /** Undefined: no HTTPS. */
  readonly https: Omit<SecureFrontSettings, 'onSecure' | 'onProblem' | 'hits'> | undefined;
}

/** While others wait for a place, a connection may be idle so long, ms. */
const IDLE_UNDER_PRESSURE = 2000;
/** Descriptors that are neither for clients nor for endpoints. */
const RESERVED = 256;
const LEAST_WAITING = 128;
const MOST_WAITING = 4096;

/**
 * All ports of one balancer and the connections that came in by them, with one limit for all. Over the limit nobody is reset:
 *
 *     accepted ──► waiting, unread as in the kernel's queue ──► begun, in order, when another closes
 *                     │ more than descriptors allow
 *                     └──► the ports are closed until half of those who wait have a place
 */
export class Listener {
  readonly connections = new Set<ServerConnection>();
  readonly #settings: ListenerSettings;
  readonly #connectionSettings: ServerSettings;
  readonly #ports: Port[] = [];
  readonly #waiting: { readonly socket: Socket; readonly secure: boolean }[] = [];
  readonly #front: SecureFront | null;
  /** In the middle of a TLS handshake, by {@link peerOf}; they count as connections. */
  readonly #handshakes = new Map<string, Socket>();
  readonly #clients = new ClientCounts();
  readonly #refusals = new Refusals();
  readonly #openFiles = openFileLimit();
  #paused = false;
  #closing = false;
  #closed: (() => void) | null = null;

  constructor(settings: ListenerSettings) {
    this.#settings = { ...settings };
    this.#connectionSettings = { ...settings, onClose: (connection) => this.#onClose(connection) };
    const { https, hits, onProblem } = settings;
    this.#front =
      https === undefined
        ? null
        : new SecureFront({ ...https, hits, onProblem, onSecure: (socket) => this.#onSecure(socket) });
  }

  /** Takes new certificates from their files. */
  refreshCertificates(force: boolean): void {
    this.#front?.refresh(force);
  }

  /** Resolves with the address that was bound; rejects with MS_LISTEN_FAILED. */
  async listen(address: ListenAddress): Promise<BoundAddress> {
    const secure = address.secure ?? this.#front !== null;
    if (secure && this.#front === null) {
      throw new MultiserverError(
        'MS_INVALID_OPTION',
        'There is no certificate for an https address: give https.cert and key.',
      );
    }
    const port = await Port.open(address, secure, (socket) => this.#accept(socket, secure));
    this.#ports.push(port);
    return port.bound;
  }

  /** Live change, also for the connections that are there. */
  configure(settings: Partial<Omit<ListenerSettings, 'https'>>): void {
    Object.assign(this.#settings, settings);
    Object.assign(this.#connectionSettings, settings);
    this.#admit();
  }

  // ---- from the port to a connection

  #accept(socket: Socket, secure: boolean): void {
    if (this.#closing) socket.destroy();
    else if (this.#hasRoom()) this.#begin(socket, secure);
    else this.#wait(socket, secure);
  }

  #hasRoom(): boolean {
    return this.connections.size + this.#handshakes.size < this.#settings.maxConnections;
  }

  #wait(socket: Socket, secure: boolean): void {
    this.#settings.hits.maxConnections++;
    socket.on('error', () => {});
    this.#waiting.push({ socket, secure });
    if (this.#paused || this.#waiting.length < this.#mayWait()) return;
    this.#paused = true;
    // Not within the loop that accepts: what the kernel has queued by now would be reset.
    setImmediate(() => {
      for (const port of this.#ports) port.pause();
    });
  }

  #mayWait(): number {
    const spare = this.#openFiles - RESERVED - 2 * this.#settings.maxConnections;
    return Math.max(LEAST_WAITING, Math.min(MOST_WAITING, spare));
  }

  /** Begins as many of those who wait as there are places. */
  #admit(): void {
    while (this.#waiting.length > 0 && this.#hasRoom()) {
      const { socket, secure } = this.#waiting.shift()!;
      this.#begin(socket, secure);
    }
    if (this.#paused && !this.#closing && this.#waiting.length <= this.#mayWait() / 2) this.#resume();
  }

  #resume(): void {
    this.#paused = false;
    for (const port of this.#ports) {
      port.resume().catch((error: unknown) => {
        this.#paused = true; // tried again when the next place is free
        this.#settings.onProblem((error as Error).message, error);
      });
    }
  }

  #begin(socket: Socket, secure: boolean): void {
    // Gone while it waited.
    if (socket.destroyed) return;
    const { maxConnectionsPerClient, isProxy, hits, onTooMany } = this.#settings;
    const address = addressOf(socket);
    if (this.#clients.of(address) >= maxConnectionsPerClient && address !== '' && !isProxy(address)) {
      hits.maxConnectionsPerClient++;
      // TLS: a handshake for a refusal would be what a flood wants.
      if (secure) socket.destroy();
      else this.#refusals.refuse(socket, onTooMany());
    } else if (secure) this.#shakeHands(socket, address);
    else this.#serve((onRead) => readingSocket(socket, onRead));
  }

  #shakeHands(socket: Socket, address: string): void {
    const peer = peerOf(socket);
    this.#handshakes.set(peer, socket);
    this.#clients.add(address);
    socket.on('error', () => {});
    socket.once('close', () => {
      if (this.#handshakes.get(peer) === socket) this.#endHandshake(peer, address);
      this.#admit();
    });
    this.#front!.open(socket);
  }

  #endHandshake(peer: string, address: string): void {
    this.#handshakes.delete(peer);
    this.#clients.remove(address);
  }

  #onSecure(socket: TLSSocket): void {
    this.#endHandshake(peerOf(socket), addressOf(socket));
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
    this.#clients.add(connection.client.address);
  }

  #onClose(connection: ServerConnection): void {
    this.connections.delete(connection);
    this.#clients.remove(connection.client.address);
    this.#admit();
    if (this.#closing && this.connections.size === 0) this.#closed?.();
  }

  // ---- time and end

  tick(now: number): void {
    for (const connection of this.connections) connection.tick(now);
    let wanted = this.#waiting.length;
    if (wanted === 0) return;
    for (const connection of this.connections) {
      if (connection.idleFor(now) < IDLE_UNDER_PRESSURE) continue;
      connection.destroy();
      if (--wanted === 0) return;
    }
  }

  /** Stops accepting and closes each connection after the answer in progress; resolves when the last one is closed. */
  close(): Promise<void> {
    this.#closing = true;
    for (const port of this.#ports) port.close();
    for (const { socket } of this.#waiting.splice(0)) socket.destroy();
    for (const socket of this.#handshakes.values()) socket.destroy();
    this.#refusals.destroy();
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

/** Empty on a Unix socket, or when the client is gone already. */
function addressOf(socket: Socket): string {
  const address = socket.remoteAddress ?? '';
  // An IPv4 client of a dual-stack socket is an IPv4 client.
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

function clientOf(socket: Socket): ClientInfo {
  return {
    address: addressOf(socket),
    port: socket.remotePort ?? 0,
    localAddress: socket.localAddress ?? '',
    localPort: socket.localPort ?? 0,
    encrypted: 'encrypted' in socket,
  };
}
