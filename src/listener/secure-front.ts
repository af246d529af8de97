import type { Socket } from 'node:net';
import { createServer, type SecureContextOptions, type Server, type TLSSocket } from 'node:tls';
import type { ResolvedHttps } from '../options.js';
import type { LimitHits } from '../util/limits.js';
import { CertificateTable, type TableSource } from './certificate-table.js';
import { TLS_CONTEXT } from './certificates.js';
import { ChallengeFront } from './challenge-front.js';
import { TicketKeys } from './ticket-keys.js';

export interface SecureFrontSettings extends Omit<ResolvedHttps, 'acme' | 'certificates'> {
  readonly certificates: readonly TableSource[];
  /** ms since 1970 */
  readonly wallClock: () => number;
  /** Called once for each handshake that is complete; `raw` is what was given to {@link SecureFront.open}. */
  readonly onSecure: (socket: TLSSocket, raw: Socket) => void;
  /** A client speaks HTTP in place of TLS. */
  readonly onPlain: (raw: Socket) => void;
  readonly onProblem: (message: string, error?: unknown) => void;
  readonly hits: LimitHits;
}

/** TLS for connections that were accepted already: one set of certificates and ticket keys for all ports. */
export class SecureFront {
  readonly #server: Server;
  /** Answers the challenges of an authority. */
  readonly challenges: ChallengeFront;
  readonly #certificates: CertificateTable;
  readonly #ticketKeys: TicketKeys;
  readonly #onProblem: SecureFrontSettings['onProblem'];

  /** @throws MultiserverError MS_BAD_CERTIFICATE */
  constructor(settings: SecureFrontSettings) {
    const { certificates, context, wallClock, onProblem } = settings;
    const table = new CertificateTable({ sources: certificates, now: wallClock, onProblem });
    this.#certificates = table;
    this.#ticketKeys = new TicketKeys(settings.ticketKeys, wallClock);
    this.#onProblem = onProblem;
    this.challenges = new ChallengeFront(settings.handshakeTimeout, (socket) =>
      this.#server.emit('connection', socket),
    );
    this.#server = createServer({
      ...optionsOf(table),
      ticketKeys: this.#ticketKeys.keys,
      SNICallback: (name, done) => {
        try {
          done(null, context?.(name) ?? table.find(name));
        } catch (error) {
          onProblem(`https.context failed for "${name}"`, error);
          done(null, table.find(name));
        }
      },
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout: settings.handshakeTimeout,
    });
    this.#server.on('secureConnection', (socket) => settings.onSecure(socket, rawOf(socket)));
    // Node leaves a connection open whose handshake took too long.
    this.#server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      if (error.code === 'ERR_TLS_HANDSHAKE_TIMEOUT') settings.hits['https.handshakeTimeout']++;
      if (error.code === 'ERR_SSL_HTTP_REQUEST') settings.onPlain(rawOf(socket));
      else socket.destroy();
    });
  }

  /** Begins the handshake. A client that fails in it is gone without a word, as it would not understand one, unless it speaks HTTP. */
  open(socket: Socket): void {
    if (this.challenges.pending) this.challenges.open(socket);
    else this.#server.emit('connection', socket);
  }

  /** Takes new certificates and ticket keys from their files; `force`: also from those that look the same; `file`: that one above all. */
  refresh(force = false, file?: string): void {
    const replaced = this.#certificates.refresh(force, file);
    let renewed = false;
    try {
      renewed = this.#ticketKeys.refresh();
    } catch (error) {
      this.#onProblem(`${(error as Error).message} The keys in use stay.`, error);
    }
    if (!replaced && !renewed) return;
    this.#server.setSecureContext({ ...optionsOf(this.#certificates), ticketKeys: this.#ticketKeys.keys });
  }
}

/**
 * What a TLS socket was made of. Node has no public name for it (this one is that of Node 20 to 26), and addresses do not tell: all
 * clients of a Unix socket have the same, none.
 */
function rawOf(socket: TLSSocket): Socket {
  return (socket as unknown as { _parent: Socket })._parent;
}

/** Without a certificate every handshake is refused. */
function optionsOf(table: CertificateTable): SecureContextOptions {
  return table.default?.options ?? TLS_CONTEXT;
}
