import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { type ErrorCode, MultiserverError } from '../errors.js';
import type { ClientInfo } from '../exchange.js';
import { ServerConnection } from '../http1/server-connection.js';
import type { ServerSettings } from '../http1/server-settings.js';
import type { ServerFactory } from '../options.js';
import { runClock, stopClock } from '../util/clock.js';
import { unmapped } from '../util/network.js';
import { openFileLimit } from '../util/open-files.js';
import { Seldom } from '../util/seldom.js';
import type { BoundAddress, ListenAddress } from './address.js';
import { ClientCounts } from './client-counts.js';
import { Port } from './port.js';
import { readProxyHeader } from './proxy-header.js';
import { decryptingSocket, readingSocket, streamingSocket } from './reading-socket.js';
import { Refusals } from './refusal.js';
import { SecureFront, type SecureFrontSettings } from './secure-front.js';

export interface ListenerSettings extends Omit<ServerSettings, 'onClose'> {
  readonly maxConnections: number;
  readonly maxConnectionsPerClient: number;
  /** Many clients come from this address: it is not limited. */
  readonly isProxy: (address: string) => boolean;
  /** A complete answer for a client that is not let in. */
  readonly refusal: (why: ErrorCode) => string;
  /** Connections begin with a header of the PROXY protocol, unless their address says otherwise. */
  readonly proxyProtocol: boolean;
  /** A connection was closed because it had no such header, or came from a stranger; it is also told, now and then. */
  readonly onBadProxyHeader: () => void;
  readonly onProblem: (message: string, error?: unknown) => void;
  /** Makes the servers in place of our own, and in place of `https`. */
  readonly createServer: ServerFactory | undefined;
  /** Undefined: no HTTPS. */
  readonly https: Omit<SecureFrontSettings, 'onSecure' | 'onPlain' | 'onProblem' | 'hits'> | undefined;
}

/** What comes before HTTP on the connections of a port. */
interface Opening {
  readonly secure: boolean;
  /** The header of the PROXY protocol. */
  readonly proxied: boolean;
  /** By a server of the user's: its sockets are used as they are. */
  readonly own: boolean;
}

/** While others wait for a place, a connection may be idle so long, ms. */
const IDLE_UNDER_PRESSURE = 2000;
/** Descriptors that are neither for clients nor for endpoints. */
const RESERVED = 256;
/** Between two reports of the same, ms. */
const REPORT_PAUSE = 60_000;
const NOTHING = Buffer.alloc(0);
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
  readonly #waiting: { readonly socket: Socket; readonly opening: Opening }[] = [];
  readonly #front: SecureFront | null;
  /** In the middle of a TLS handshake, with the client that a proxy named; they count as connections. */
  readonly #handshakes = new Map<Socket, ClientInfo>();
  /** Before the end of their PROXY header; they count as connections. */
  readonly #greetings = new Set<Socket>();
  readonly #clients = new ClientCounts();
  readonly #refusals = new Refusals();
  readonly #seldom: Seldom;
  readonly #openFiles = openFileLimit();
  #paused = false;
  #closing = false;
  #closed: (() => void) | null = null;

  constructor(settings: ListenerSettings) {
    this.#settings = { ...settings };
    this.#seldom = new Seldom(REPORT_PAUSE, settings.now);
    this.#connectionSettings = { ...settings, onClose: (connection) => this.#onClose(connection) };
    const { https, hits, onProblem } = settings;
    this.#front =
      https === undefined
        ? null
        : new SecureFront({
            ...https,
            hits,
            onProblem,
            onSecure: (socket, raw) => this.#onSecure(socket, raw),
            onPlain: (raw) => this.#refusals.refuse(raw, this.#settings.refusal('MS_PLAIN_HTTP')),
          });
  }

  /** Takes new certificates from their files. */
  refreshCertificates(force: boolean, file?: string): void {
    this.#front?.refresh(force, file);
  }

  /** Shows a certificate authority, by TLS, that a name is ours (RFC 8737); what it returns ends that. */
  answerChallenge(name: string, certificate: { readonly cert: string; readonly key: string }): () => void {
    return this.#front!.challenges.answer(name, certificate);
  }

  /** Resolves with the address that was bound; rejects with MS_LISTEN_FAILED. */
  async listen(address: ListenAddress): Promise<BoundAddress> {
    const { createServer, proxyProtocol } = this.#settings;
    const proxied = address.proxyProtocol ?? proxyProtocol;
    if (createServer !== undefined) {
      const opening = { secure: false, proxied, own: true };
      const port = await Port.openOwn(address, createServer, (socket) => this.#accept(socket, opening));
      this.#ports.push(port);
      return port.bound;
    }
    const secure = address.secure ?? this.#front !== null;
    if (secure && this.#front === null) {
      throw new MultiserverError(
        'MS_INVALID_OPTION',
        'Option "https.cert" with "https.key", or "https.acme.domains", is needed for an https address.',
      );
    }
    const opening = { secure, proxied, own: false };
    const port = await Port.open(address, secure, (socket) => this.#accept(socket, opening));
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

  #accept(socket: Socket, opening: Opening): void {
    if (this.#closing) socket.destroy();
    else if (this.#hasRoom()) this.#begin(socket, opening);
    else this.#wait(socket, opening);
  }

  #hasRoom(): boolean {
    const open = this.connections.size + this.#handshakes.size + this.#greetings.size;
    return open < this.#settings.maxConnections;
  }

  #wait(socket: Socket, opening: Opening): void {
    this.#settings.hits.maxConnections++;
    socket.on('error', () => {});
    this.#waiting.push({ socket, opening });
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
      const { socket, opening } = this.#waiting.shift()!;
      this.#begin(socket, opening);
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

  #begin(socket: Socket, opening: Opening): void {
    // Gone while it waited.
    if (socket.destroyed) return;
    if (opening.proxied) this.#greet(socket, opening);
    else this.#enter(socket, clientOf(socket, opening), opening, NOTHING);
  }

  /** Whoever may not name clients, or does not, is not listened to: it could be anybody. */
  #greet(socket: Socket, opening: Opening): void {
    const { isProxy, headTimeout } = this.#settings;
    socket.on('error', () => {});
    const address = addressOf(socket);
    const peer = address === '' ? 'a Unix socket' : address;
    if (!isProxy(address)) {
      socket.destroy();
      this.#refuseGreeting(
        'stranger',
        `${peer} is none of trustedProxies, and only those may connect by the PROXY protocol.`,
      );
      return;
    }
    this.#greetings.add(socket);
    readProxyHeader(socket, headTimeout, (header, rest) => {
      this.#greetings.delete(socket);
      if (header !== null && !this.#closing) {
        this.#enter(socket, { ...clientOf(socket, opening), ...header.client }, opening, rest);
        return;
      }
      // Who says nothing at all looks whether somebody listens.
      const report =
        rest.length === 0 ? '' : `What came from ${peer} does not begin with a valid header of the PROXY protocol.`;
      if (header === null && !this.#closing) this.#refuseGreeting('header', report);
      socket.destroy();
      this.#admit();
    });
  }

  #refuseGreeting(fault: string, report: string): void {
    this.#settings.onBadProxyHeader();
    if (report !== '' && this.#seldom.isDue(fault)) this.#settings.onProblem(report);
  }

  /** `rest`: octets that were read already. */
  #enter(socket: Socket, client: ClientInfo, { secure, own }: Opening, rest: Buffer): void {
    const { maxConnectionsPerClient, isProxy, hits, refusal } = this.#settings;
    const { address } = client;
    if (this.#clients.of(address) >= maxConnectionsPerClient && address !== '' && !isProxy(address)) {
      hits.maxConnectionsPerClient++;
      // TLS: a handshake for a refusal would be what a flood wants.
      if (secure) socket.destroy();
      else this.#refusals.refuse(socket, refusal('MS_TOO_MANY_CONNECTIONS'));
    } else if (secure) this.#shakeHands(socket, client, rest);
    else if (own) this.#serve(client, rest, (onRead) => streamingSocket(socket, onRead));
    else this.#serve(client, rest, (onRead) => readingSocket(socket, onRead));
  }

  #shakeHands(socket: Socket, client: ClientInfo, rest: Buffer): void {
    this.#handshakes.set(socket, client);
    this.#clients.add(client.address);
    socket.on('error', () => {});
    socket.once('close', () => {
      this.#endHandshake(socket);
      this.#admit();
    });
    if (rest.length > 0) socket.unshift(rest);
    this.#front!.open(socket);
  }

  /** Gives its client; undefined when it had ended already. */
  #endHandshake(socket: Socket): ClientInfo | undefined {
    const client = this.#handshakes.get(socket);
    if (client === undefined) return undefined;
    this.#handshakes.delete(socket);
    this.#clients.remove(client.address);
    return client;
  }

  #onSecure(socket: TLSSocket, raw: Socket): void {
    const client = this.#endHandshake(raw);
    if (this.#closing || client === undefined) socket.destroy();
    else this.#serve(client, NOTHING, (onRead) => decryptingSocket(socket, onRead));
  }

  #serve(client: ClientInfo, rest: Buffer, open: (onRead: (buf: Buffer, size: number) => void) => Socket): void {
    const onRead = (buf: Buffer, size: number): void => {
      stopClock();
      try {
        connection.onRead(buf, size);
      } finally {
        runClock();
      }
    };
    const connection = new ServerConnection(open(onRead), client, this.#connectionSettings);
    this.connections.add(connection);
    this.#clients.add(client.address);
    if (rest.length > 0) onRead(rest, rest.length);
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
    for (const socket of this.#handshakes.keys()) socket.destroy();
    for (const socket of this.#greetings) socket.destroy();
    this.#refusals.destroy();
    const served = new Promise<void>((resolve) => {
      this.#closed = resolve;
      for (const connection of this.connections) connection.close();
      if (this.connections.size === 0) resolve();
    });
    return served.then(() => {
      for (const port of this.#ports) port.destroy();
    });
  }

  destroy(): void {
    for (const connection of this.connections) connection.destroy();
  }
}

/** Empty on a Unix socket, or when the client is gone already. */
function addressOf(socket: Socket): string {
  return unmapped(socket.remoteAddress ?? '');
}

function clientOf(socket: Socket, { secure }: Opening): ClientInfo {
  return {
    address: addressOf(socket),
    port: socket.remotePort ?? 0,
    localAddress: unmapped(socket.localAddress ?? ''),
    localPort: socket.localPort ?? 0,
    encrypted: secure || socket instanceof TLSSocket,
  };
}
