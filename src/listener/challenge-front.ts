import type { Socket } from 'node:net';
import { createSecureContext, createServer, type SecureContext, type Server } from 'node:tls';

/** RFC 8737 §6.2. */
const PROTOCOL = 'acme-tls/1';
/** As it stands in a list of ALPN (RFC 7301 §3.1). */
const OFFER = Buffer.from(`\x0a${PROTOCOL}`, 'latin1');
const HANDSHAKE = 0x16;
const RECORD_HEAD = 5;

/**
 * Answers an authority that looks, by a TLS handshake of a protocol of its own, whether a name is ours (RFC 8737). Only while it may do
 * so, the first message of each client is looked into: everybody else gets the usual certificate.
 */
export class ChallengeFront {
  readonly #contexts = new Map<string, SecureContext>();
  readonly #server: Server;
  readonly #timeout: number;
  readonly #onOther: (socket: Socket) => void;

  /** `timeout`: for a client's first message. */
  constructor(timeout: number, onOther: (socket: Socket) => void) {
    this.#timeout = timeout;
    this.#onOther = onOther;
    this.#server = createServer({
      ALPNProtocols: [PROTOCOL],
      SNICallback: (name, done) => done(null, this.#contexts.get(name.toLowerCase())),
      handshakeTimeout: timeout,
    });
    // Nothing is said in this protocol; who stays, or speaks, is not waited for.
    this.#server.on('secureConnection', (socket) => socket.on('error', () => {}).destroySoon());
    this.#server.on('tlsClientError', (_, socket) => socket.destroy());
  }

  /** An authority may look. */
  get pending(): boolean {
    return this.#contexts.size > 0;
  }

  /** What it returns ends it. */
  answer(name: string, certificate: { readonly cert: string; readonly key: string }): () => void {
    this.#contexts.set(name, createSecureContext(certificate));
    return () => this.#contexts.delete(name);
  }

  open(socket: Socket): void {
    readFirstRecord(socket, this.#timeout, (record) => {
      // Whoever writes these octets elsewhere in his message harms only himself.
      if (record.includes(OFFER)) this.#server.emit('connection', socket);
      else this.#onOther(socket);
    });
  }
}

/** The record is left in the socket, which is paused; `done` is not called when the client is gone before. */
function readFirstRecord(socket: Socket, timeout: number, done: (record: Buffer) => void): void {
  let kept: Buffer = Buffer.alloc(0);
  const stop = (): void => {
    clearTimeout(timer);
    socket.off('data', onData).off('end', onGone).off('close', stop).pause();
  };
  const onData = (chunk: Buffer): void => {
    kept = Buffer.concat([kept, chunk]);
    if (kept[0] === HANDSHAKE && (kept.length < RECORD_HEAD || kept.length < RECORD_HEAD + kept.readUInt16BE(3)))
      return;
    stop();
    socket.unshift(kept);
    done(kept);
  };
  const onGone = (): void => void socket.destroy();
  const timer = setTimeout(onGone, timeout);
  socket.on('data', onData).on('end', onGone).on('close', stop).resume();
}
