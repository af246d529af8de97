import { connect, isIP, type OnReadOpts, type Socket } from 'node:net';
import { connect as connectSecurely, createSecureContext, type SecureContext } from 'node:tls';
import type { Address } from '../balance/endpoint.js';
import { MultiserverError } from '../errors.js';
import type { EndpointTls } from '../option-types.js';
import { readPem } from '../util/pem.js';

/** As a connection wants it; `header`: what is sent before all else, also before TLS. */
export type EndpointDial = (onread: OnReadOpts, header: Buffer | null) => Socket;

/**
 * Makes the connections to one endpoint. Sessions of HTTPS ones are resumed, which spares most of the handshake.
 * @throws MultiserverError MS_BAD_CERTIFICATE when `tls` names what cannot be read or used, MS_INVALID_OPTION when a half is missing.
 */
export function createDial({ host, port, path, secure }: Address, tls: EndpointTls): EndpointDial {
  const target = path === '' ? { host, port, noDelay: true } : { path };
  if (!secure) return (onread, header) => begun(connect({ ...target, onread }), header);
  const secureContext = contextOf(tls);
  const servername = tls.servername ?? (isIP(host) === 0 ? host : '');
  let session: Buffer | undefined;
  return (onread, header) => {
    const carrier = header === null ? undefined : begun(connect(target), header);
    const socket = connectSecurely({
      ...(carrier === undefined ? target : { socket: carrier }),
      // By this name the certificate is checked.
      host,
      servername,
      secureContext,
      rejectUnauthorized: !tls.insecure,
      ALPNProtocols: ['http/1.1'],
      ...(session === undefined ? {} : { session }),
      // Not in the types, but taken like every option of `net.connect`.
      ...({ onread } satisfies { onread: OnReadOpts }),
    });
    socket.on('session', (fresh) => (session = fresh));
    socket.setNoDelay(true);
    if (carrier !== undefined) {
      carrier.on('error', (error) => socket.destroy(error));
      // Over a socket that is there already, Node takes no `onread`.
      socket.on('data', (chunk) => void onread.callback(chunk.length, chunk));
    }
    return socket satisfies Socket;
  };
}

/** The header waits until the connection is there, before whatever is written after it. */
function begun(socket: Socket, header: Buffer | null): Socket {
  if (header !== null) socket.write(header);
  return socket;
}

/** @throws MultiserverError MS_BAD_CERTIFICATE, MS_INVALID_OPTION */
export function checkTls(tls: EndpointTls): void {
  if (tls.ca !== undefined || tls.cert !== undefined || tls.key !== undefined) contextOf(tls);
}

function contextOf({ ca, cert, key, passphrase }: EndpointTls): SecureContext {
  if ((cert === undefined) !== (key === undefined)) {
    // OpenSSL would take the one and show nothing.
    const [given, missing] = cert === undefined ? ['key', 'cert'] : ['cert', 'key'];
    const message = `Option "endpointTls.${given}" was given without "endpointTls.${missing}"; both are needed.`;
    throw new MultiserverError('MS_INVALID_OPTION', message);
  }
  const parts = {
    ...(ca === undefined ? {} : { ca: readPem(ca, "endpoints' CA certificate", bad) }),
    ...(cert === undefined ? {} : { cert: readPem(cert, 'client certificate for endpoints', bad) }),
    ...(key === undefined ? {} : { key: readPem(key, 'client key for endpoints', bad) }),
    ...(passphrase === undefined ? {} : { passphrase }),
  };
  try {
    return createSecureContext({ ...parts, minVersion: 'TLSv1.2' });
  } catch (cause) {
    throw bad(`endpointTls cannot be used: ${(cause as Error).message}.`, cause);
  }
}

function bad(message: string, cause: unknown): MultiserverError {
  return new MultiserverError('MS_BAD_CERTIFICATE', message, { cause });
}
