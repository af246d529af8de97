import dns from 'node:dns';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import tls from 'node:tls';
import type { Link } from '../../link/link.js';
import type { Requested, SupervisorMessage, WorkerMessage } from '../../link/messages.js';
import { carryClient } from './client.js';
import { keepConnections } from './keep-connections.js';
import { type Asked, readListenArguments, type Rest } from './listen-arguments.js';
import type { PreloadSettings } from './settings.js';

type Bind = Extract<Asked, { rest: Rest }>;
type Address = net.AddressInfo | string;

const originalListen = Reflect.get(net.Server.prototype, 'listen') as (
  this: net.Server,
  ...args: unknown[]
) => net.Server;

/** Where Node binds when no host is given. */
function anyAddress(): string {
  const six = Object.values(os.networkInterfaces()).some((list) => list?.some(({ family }) => family === 'IPv6'));
  return six ? '::' : '0.0.0.0';
}

function describe(asked: Bind): string {
  if (asked.kind === 'path') return `the path ${asked.path}`;
  if (asked.kind === 'descriptor') return 'a file descriptor';
  return asked.host === undefined ? `port ${asked.port}` : `${asked.host}, port ${asked.port}`;
}

function speaksItsOwnProtocol(server: net.Server): string | undefined {
  if (server instanceof tls.Server) return 'HTTPS or TLS';
  // the class is not public
  if (server.constructor.name === 'Http2Server') return 'HTTP/2';
  return undefined;
}

/**
 * Makes the app's first HTTP server listen on the private socket instead of where it asks to:
 *
 *     first http server        bound privately, reported; address() answers as asked
 *     same port once more      (Fastify binds every address of localhost) bound privately, where nobody comes: the first gets it all
 *     port 0, a path           left alone once there is a first one: no two workers get into each other's way
 *     another port             refused, as are TLS and HTTP/2 servers: the balancer does both, in front
 *     plain net server         left alone: it may be a look whether a port is free
 */
export function takeOverListen(
  settings: PreloadSettings,
  link: Link<SupervisorMessage, WorkerMessage>,
  refuse: (sentence: string) => Error,
): { setPublicPort(port: number): void } {
  let publicPort = settings.publicPort;
  let main: { server: net.Server; asked: Bind } | null = null;
  let joined = 0;
  const prepared = new WeakSet<http.Server>();

  const portOf = (asked: Bind): number => (asked.kind === 'port' && asked.port !== 0 ? asked.port : (publicPort ?? 0));

  function answer(asked: Bind, resolved: { address: string; family: string }): Address {
    return asked.kind === 'path' ? asked.path : { ...resolved, port: portOf(asked) };
  }

  function bind(server: net.Server, asked: Bind, path: string, host: string): void {
    const resolved = { address: host, family: net.isIPv6(host) ? 'IPv6' : 'IPv4' };
    server.address = () => (server.listening ? answer(asked, resolved) : null);
    server.once('close', () => Reflect.deleteProperty(server, 'address'));
    const { backlog, signal, callback } = asked.rest;
    originalListen.call(
      server,
      { path, ...(backlog !== undefined && { backlog }), ...(signal !== undefined && { signal }) },
      callback,
    );
  }

  /** Host names are looked up first, as Node does: `address()` answers an address, and a host that is none is the app's error. */
  function bindWhenResolved(server: net.Server, asked: Bind, path: string): void {
    const host = asked.kind === 'port' ? (asked.host ?? anyAddress()) : anyAddress();
    if (net.isIP(host) !== 0) return bind(server, asked, path, host);
    dns.lookup(host, (error, address) => {
      if (error) server.emit('error', error);
      else bind(server, asked, path, address);
    });
  }

  /** Once a server, however often it listens. */
  function prepare(server: http.Server): void {
    prepared.add(server);
    carryClient(server);
    keepConnections(server);
    server.on('listening', () => {
      if (main?.server !== server) return;
      const { asked } = main;
      const requested: Requested | null = asked.kind === 'port' ? { host: asked.host, port: asked.port } : null;
      link.send({ type: 'listening', requested });
    });
    const close = server.close.bind(server);
    server.close = (callback) => {
      if (main?.server === server) {
        main = null;
        link.send({ type: 'closing' });
      }
      return close(callback);
    };
  }

  function becomeMain(server: http.Server, asked: Bind): void {
    main = { server, asked };
    if (!prepared.has(server)) prepare(server);
    bindWhenResolved(server, asked, settings.path);
  }

  function takeOver(server: net.Server, asked: Bind): boolean {
    const protocol = speaksItsOwnProtocol(server);
    const fixedPort = asked.kind === 'port' && asked.port !== 0;
    if (protocol !== undefined && (main === null || fixedPort)) {
      throw refuse(
        `The app serves ${protocol} itself (on ${describe(asked)}). Let it serve plain HTTP: multiserver answers HTTPS and HTTP/2 in front of it.`,
      );
    }
    if (server instanceof http.Server && main === null) {
      becomeMain(server, asked);
      return true;
    }
    if (main !== null && asked.kind === 'port' && asked.port === portOf(main.asked)) {
      bindWhenResolved(server, asked, `${settings.path}+${(joined += 1)}`);
      return true;
    }
    if (server instanceof http.Server && main !== null && fixedPort) {
      throw refuse(
        `The app listens twice, on ${describe(main.asked)} and on ${describe(asked)}, but only one port can be shared by its workers: ` +
          'start what listens on the other one as an app of its own.',
      );
    }
    if (!(server instanceof http.Server))
      link.send({ type: 'left-alone', what: `a server that is not an HTTP server, on ${describe(asked)}` });
    return false;
  }

  net.Server.prototype.listen = function listen(this: net.Server, ...args: unknown[]): net.Server {
    const asked = readListenArguments(args);
    if (asked.kind === 'handle')
      throw refuse(
        'The app listens on a handle that it was given, which workers have no part in: let it listen on a port.',
      );
    if (asked.kind === 'invalid' || this.listening || !takeOver(this, asked)) originalListen.apply(this, args);
    return this;
  } as typeof net.Server.prototype.listen;

  return {
    setPublicPort(port) {
      publicPort = port;
    },
  };
}
