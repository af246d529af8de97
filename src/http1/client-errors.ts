import type { Socket } from 'node:net';
import type { ErrorCode } from '../errors.js';
import type { Limit } from '../util/limits.js';

const TIMED_OUT: Partial<Record<Limit, ErrorCode>> = {
  connectTimeout: 'MS_CONNECT_TIMEOUT',
  responseTimeout: 'MS_RESPONSE_TIMEOUT',
  timeout: 'MS_TIMEOUT',
};

/** What the client is told when a deadline passes, by the limit that it is of. */
export function codeOfTimeout(limit: Limit): ErrorCode {
  return TIMED_OUT[limit] ?? 'MS_RESPONSE_STALLED';
}

/** The system's name of what went wrong, for the end of a sentence. */
export function describe(error: NodeJS.ErrnoException): string {
  return error.code === undefined ? '' : ` (${error.code})`;
}

/**
 * libuv reports a reset that comes together with octets as an orderly end (POLLHUP after a partial read), by which an answer until the
 * close would pass as whole. The kernel knows no peer any more after a reset, but still does after a FIN; Node asks it at the first
 * reading of the address, which must therefore not be read before. Unix sockets have neither resets nor addresses.
 */
export function wasReset(socket: Socket): boolean {
  return socket.remoteFamily === undefined && socket.localPort !== undefined;
}

/** OpenSSL's and Node's names for a certificate that does not prove who the other side is. */
const CERTIFICATE_FAULTS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'it has expired',
  CERT_NOT_YET_VALID: 'it is not valid yet',
  CERT_REVOKED: 'it was revoked',
  CERT_UNTRUSTED: 'its issuer is not trusted',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'its issuer is not trusted',
  UNABLE_TO_GET_ISSUER_CERT: 'its issuer is not known',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its issuer is not known',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its issuer is not known',
  ERR_TLS_CERT_ALTNAME_INVALID: 'it is for another name',
};

/** Why a connection failed, if it was for the other side's certificate. */
export function certificateFault({ code = '' }: NodeJS.ErrnoException): string | undefined {
  return CERTIFICATE_FAULTS[code];
}

/** Why there is no connection, and the sentence for it. */
export function connectFailure(error: NodeJS.ErrnoException): [code: ErrorCode, message: string] {
  const fault = certificateFault(error);
  const where = describe(error);
  return fault === undefined
    ? ['MS_CONNECT_FAILED', `The endpoint could not be reached${where}.`]
    : ['MS_BAD_ENDPOINT_CERTIFICATE', `The endpoint's certificate is not to be trusted: ${fault}${where}.`];
}
