import { isDeepStrictEqual } from 'node:util';
import type { Endpoint } from '../balance/endpoint.js';
import type { ClientInfo } from '../exchange.js';
import { ClientConnection } from '../http1/client-connection.js';
import type { ClientSettings, ResponseHandler } from '../http1/client-settings.js';
import { RepeatedHeads } from '../http1/repeated-fields.js';
import type { EndpointTls } from '../option-types.js';
import { checkTls, createDial, type EndpointDial } from './dial.js';
import { writeProxyHeader } from './proxy-header.js';

export interface UpstreamSettings extends Omit<ClientSettings, 'onIdle' | 'onClose' | 'repeated'> {
  /** For `https://` endpoints; what an endpoint has of its own comes first. */
  readonly endpointTls: EndpointTls;
  /** Of endpoints that have none of their own; see {@link Endpoint.proxyProtocol}. */
  readonly endpointProxyProtocol: number;
}

/** Node's servers close idle connections after 5 s: ours are given up before, or a request would meet a closing one. */
const FOREIGN_IDLE_MS = 4000;
/** Own workers never close theirs. */
const WORKER_IDLE_MS = 60_000;
/** An endpoint that says how long it keeps a connection is believed, but for this. */
const SAFETY_MS = 1000;
const MAX_IDLE = 512;

/** The connections to one endpoint; the one used last is used first, so that the others can be given up. */
export class EndpointConnections {
  readonly #endpoint: Endpoint;
  #settings: ClientSettings;
  readonly #idle: ClientConnection[] = [];
  readonly #all = new Set<ClientConnection>();
  #dial: EndpointDial;
  #proxyProtocol: number;
  #closed = false;

  constructor(endpoint: Endpoint, settings: UpstreamSettings) {
    this.#endpoint = endpoint;
    this.#dial = dialOf(endpoint, settings);
    this.#proxyProtocol = proxyProtocolOf(endpoint, settings);
    this.#settings = this.#settingsOf(settings);
  }

  #settingsOf(settings: UpstreamSettings): ClientSettings {
    return {
      ...settings,
      repeated: RepeatedHeads.ofEndpoint(),
      onIdle: (connection) => this.#onIdle(connection),
      onClose: (connection) => this.#onClose(connection),
    };
  }

  get size(): number {
    return this.#all.size;
  }

  /** A connection for one request: idle ones first unless `fresh`, else one that is being made (`connected` tells). */
  acquire(handler: ResponseHandler, client: ClientInfo, fresh: boolean): ClientConnection {
    return (fresh ? undefined : this.#takeIdle(handler, client)) ?? this.open(handler, client);
  }

  #takeIdle(handler: ResponseHandler, client: ClientInfo): ClientConnection | undefined {
    for (;;) {
      const connection = this.#proxyProtocol === 0 ? this.#idle.pop() : this.#takeOf(client);
      if (connection === undefined) return undefined;
      if (!connection.idle || connection.socket.destroyed) continue;
      connection.assign(handler);
      return connection;
    }
  }

  /** The idle connection that the endpoint knows as this client's. */
  #takeOf(client: ClientInfo): ClientConnection | undefined {
    const at = this.#idle.findLastIndex((connection) => connection.client === client);
    return at < 0 ? undefined : this.#idle.splice(at, 1)[0];
  }

  /** A connection that is made now; `client` null: for the balancer's own sake. */
  open(handler: ResponseHandler, client: ClientInfo | null): ClientConnection {
    const header = this.#proxyProtocol === 0 ? null : writeProxyHeader(this.#proxyProtocol, client);
    const connection = new ClientConnection((onread) => this.#dial(onread, header), this.#settings, handler);
    if (header !== null) connection.client = client;
    this.#all.add(connection);
    return connection;
  }

  #onIdle(connection: ClientConnection): void {
    if (this.#closed || this.#idle.length >= MAX_IDLE) {
      connection.destroy();
      return;
    }
    connection.idleSince = this.#settings.now();
    this.#idle.push(connection);
  }

  #onClose(connection: ClientConnection): void {
    this.#all.delete(connection);
    const at = this.#idle.lastIndexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
  }

  tick(now: number): void {
    for (const connection of this.#all) connection.tick(now);
    const most = this.#endpoint.worker ? WORKER_IDLE_MS : FOREIGN_IDLE_MS;
    // The oldest lie in front.
    while (this.#idle.length > 0) {
      const oldest = this.#idle[0]!;
      if (now - oldest.idleSince < Math.min(most, Math.max(0, oldest.keepAliveTimeout - SAFETY_MS))) break;
      this.#idle.shift();
      oldest.destroy();
    }
  }

  /**
   * Live change, once the returned function is called. `redial`: connections are to be made in another way from now on.
   * @throws MultiserverError MS_BAD_CERTIFICATE
   */
  prepareChange(settings: UpstreamSettings, redial: boolean): () => void {
    const dial = redial ? dialOf(this.#endpoint, settings) : this.#dial;
    return () => {
      Object.assign(this.#settings, settings);
      if (!redial) return;
      this.#dial = dial;
      this.#proxyProtocol = proxyProtocolOf(this.#endpoint, settings);
      this.#dropIdle();
      // Those in use serve no further request.
      this.#settings.onIdle = (connection) => connection.destroy();
      this.#settings = this.#settingsOf(settings);
    };
  }

  #dropIdle(): void {
    for (const connection of this.#idle.splice(0)) connection.destroy();
  }

  /** Idle ones at once, those in use when their answer is complete. */
  close(): void {
    this.#closed = true;
    this.#dropIdle();
  }
}

function dialOf({ address, tls }: Endpoint, { endpointTls }: UpstreamSettings): EndpointDial {
  return createDial(address, { ...endpointTls, ...tls });
}

function proxyProtocolOf({ worker, proxyProtocol }: Endpoint, { endpointProxyProtocol }: UpstreamSettings): number {
  return worker ? 0 : (proxyProtocol ?? endpointProxyProtocol);
}

/** The way out: the connections of every endpoint. */
export class Upstream {
  #settings: UpstreamSettings;
  readonly #endpoints = new Map<Endpoint, EndpointConnections>();

  /** @throws MultiserverError MS_BAD_CERTIFICATE */
  constructor(settings: UpstreamSettings) {
    checkTls(settings.endpointTls);
    this.#settings = settings;
  }

  acquire(endpoint: Endpoint, handler: ResponseHandler, client: ClientInfo, fresh: boolean): ClientConnection {
    return this.#connectionsOf(endpoint).acquire(handler, client, fresh);
  }

  /** A connection that no request has used before, and that is no client's. */
  open(endpoint: Endpoint, handler: ResponseHandler): ClientConnection {
    return this.#connectionsOf(endpoint).open(handler, null);
  }

  #connectionsOf(endpoint: Endpoint): EndpointConnections {
    return (endpoint.connections as EndpointConnections | null) ?? this.prepare(endpoint);
  }

  /**
   * Looks at what connections to it will need.
   * @throws MultiserverError MS_BAD_CERTIFICATE
   */
  prepare(endpoint: Endpoint): EndpointConnections {
    const connections = new EndpointConnections(endpoint, this.#settings);
    endpoint.connections = connections;
    this.#endpoints.set(endpoint, connections);
    return connections;
  }

  /**
   * Live change, also for the connections that are there, once the returned function is called.
   * @throws MultiserverError MS_BAD_CERTIFICATE
   */
  prepareChange(changes: Partial<UpstreamSettings>): () => void {
    const before = this.#settings;
    const settings = { ...before, ...changes };
    checkTls(settings.endpointTls);
    const redial =
      settings.endpointProxyProtocol !== before.endpointProxyProtocol ||
      !isDeepStrictEqual(settings.endpointTls, before.endpointTls);
    const endpoints = Array.from(this.#endpoints.values(), (connections) =>
      connections.prepareChange(settings, redial),
    );
    return () => {
      this.#settings = settings;
      for (const change of endpoints) change();
    };
  }

  /** The endpoint is gone for good. */
  release(endpoint: Endpoint): void {
    this.#endpoints.get(endpoint)?.close();
  }

  tick(now: number): void {
    for (const [endpoint, connections] of this.#endpoints) {
      connections.tick(now);
      if (connections.size === 0 && endpoint.state === 'gone') this.#endpoints.delete(endpoint);
    }
  }

  close(): void {
    for (const connections of this.#endpoints.values()) connections.close();
  }

  get size(): number {
    let size = 0;
    for (const connections of this.#endpoints.values()) size += connections.size;
    return size;
  }
}
