import { createServer, type AddressInfo, Server, type Socket } from 'node:net';
import { Server as SecureServer } from 'node:tls';
import { MultiserverError } from '../errors.js';
import type { ServerFactory } from '../options.js';
import type { BoundAddress, ListenAddress } from './address.js';

/** As much as the kernel allows. */
const BACKLOG = 4096;

/** One address that is listened on. */
export class Port {
  readonly bound: BoundAddress;
  readonly #server: Server;
  readonly #address: ListenAddress;
  /** Of a server of the user's: nobody else knows those that are not served yet. */
  readonly #sockets = new Set<Socket>();
  #closed = false;

  private constructor(server: Server, address: ListenAddress, secure: boolean) {
    const bound = server.address() as AddressInfo | string;
    this.#server = server;
    if (typeof bound === 'string') {
      this.bound = { path: bound, secure };
      this.#address = address;
    } else {
      this.bound = { host: bound.address, port: bound.port, secure };
      this.#address = 'port' in address ? { ...address, port: bound.port } : address;
    }
  }

  /** Resolves when it listens; rejects with MS_LISTEN_FAILED. */
  static async open(address: ListenAddress, secure: boolean, onSocket: (socket: Socket) => void): Promise<Port> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, onSocket);
    await listen(server, address);
    return new Port(server, address, secure);
  }

  /** The same on a server of the user's. */
  static async openOwn(
    address: ListenAddress,
    factory: ServerFactory,
    onSocket: (socket: Socket) => void,
  ): Promise<Port> {
    const server = factory(onSocket);
    if (!(server instanceof Server))
      throw new MultiserverError('MS_INVALID_OPTION', 'createServer must return a net.Server or tls.Server.');
    // Node leaves a connection open whose handshake failed or took too long.
    server.on('tlsClientError', (_error, socket: Socket) => socket.destroy());
    await listen(server, address);
    const port = new Port(server, address, address.secure ?? server instanceof SecureServer);
    server.on('connection', (socket: Socket) => {
      socket.setNoDelay(true);
      port.#sockets.add(socket);
      socket.once('close', () => port.#sockets.delete(socket));
    });
    return port;
  }

  /**
   * Listens no more, until {@link resume}: who connects meanwhile is refused by the kernel. Node cannot leave connections in the kernel's
   * queue, so call it when that queue has just been emptied. A socket that was given as `fd` cannot be opened again and stays.
   */
  pause(): void {
    if (!('fd' in this.#address)) this.#server.close();
  }

  /** @throws MultiserverError MS_LISTEN_FAILED */
  async resume(): Promise<void> {
    if (!this.#server.listening && !this.#closed) await listen(this.#server, this.#address);
    if (this.#closed) this.#server.close();
  }

  close(): void {
    this.#closed = true;
    this.#server.close();
  }

  /** After {@link close}: ends also what has not come as far as to be served. */
  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

function listen(server: Server, address: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(address, error)));
    server.listen({ ...address, backlog: BACKLOG }, () => {
      server.removeAllListeners('error');
      // Accepting fails for a while when descriptors run out: the next connection tries again.
      server.on('error', () => {});
      resolve();
    });
  });
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
