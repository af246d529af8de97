/** Whose fault an error is: the client's, the endpoint's, or the balancer's own (limits, configuration). */
export type ErrorOrigin = 'client' | 'endpoint' | 'self';

export interface ErrorRow {
  /** HTTP status of the answer when no answer had begun; 0: there is nobody to answer. */
  readonly status: number;
  readonly origin: ErrorOrigin;
  /** Whether the same request may be tried at another endpoint (the retry rules still apply). */
  readonly retryable: boolean;
  /** One sentence for the person who reads it at night. */
  readonly message: string;
}

const row = (status: number, origin: ErrorOrigin, retryable: boolean, message: string): ErrorRow => ({
  status,
  origin,
  retryable,
  message,
});

/** Every error the package gives, one row each; `docs/reference/errors.md` lists the same rows. */
export const ERRORS = {
  // ---- what the client sent (RFC 9112, RFC 9110)
  MS_BAD_REQUEST_LINE: row(400, 'client', false, 'The request line is not valid HTTP/1.1.'),
  MS_BAD_TARGET: row(400, 'client', false, 'The request target is not valid.'),
  MS_BAD_FIELD: row(400, 'client', false, 'A header field is not valid.'),
  MS_BAD_HOST: row(400, 'client', false, 'The Host field is missing, repeated or not valid.'),
  MS_BAD_LENGTH: row(400, 'client', false, 'Content-Length or Transfer-Encoding is not valid or ambiguous.'),
  MS_BAD_CHUNK: row(400, 'client', false, 'The chunked body is not valid.'),
  MS_PLAIN_HTTP: row(400, 'client', false, 'This port takes HTTPS only, and the request came without.'),
  MS_METHOD_NOT_ALLOWED: row(405, 'client', false, 'This method is not allowed here.'),
  MS_REQUEST_TIMEOUT: row(408, 'client', false, 'The request did not arrive in time.'),
  MS_BODY_TOO_LARGE: row(413, 'client', false, 'The request body is larger than allowed.'),
  MS_TARGET_TOO_LONG: row(414, 'client', false, 'The request target is too long.'),
  MS_MISDIRECTED: row(421, 'client', false, 'An https target came over a connection that is not encrypted.'),
  MS_UNKNOWN_HOST: row(421, 'client', false, 'This server does not answer for the host that was asked for.'),
  MS_UPGRADE_REFUSED: row(400, 'client', false, 'This upgrade request is not valid.'),
  MS_RATE_LIMITED: row(429, 'client', false, 'Too many requests from this client.'),
  MS_TOO_MANY_CONNECTIONS: row(429, 'client', false, 'This client has too many connections.'),
  MS_HEAD_TOO_LARGE: row(431, 'client', false, 'The request head is too large or has too many fields.'),
  MS_BAD_PROXY_HEADER: row(
    0,
    'client',
    false,
    'A connection had no valid PROXY protocol header, or came from none of trustedProxies; it was closed.',
  ),
  MS_CLIENT_GONE: row(0, 'client', false, 'The client closed the connection before the answer was complete.'),
  MS_CLIENT_STALLED: row(0, 'client', false, 'The client stopped reading the answer.'),
  MS_METHOD_TOO_LONG: row(501, 'client', false, 'The method is longer than any that is known.'),
  MS_UNKNOWN_TRANSFER_CODING: row(501, 'client', false, 'The transfer coding is not supported.'),
  MS_VERSION_NOT_SUPPORTED: row(505, 'client', false, 'The HTTP version is not supported.'),

  // ---- what the endpoint did
  MS_CONNECT_FAILED: row(502, 'endpoint', true, 'The endpoint could not be reached.'),
  MS_BAD_ENDPOINT_CERTIFICATE: row(502, 'endpoint', true, 'The certificate of the endpoint is not to be trusted.'),
  MS_CONNECT_TIMEOUT: row(504, 'endpoint', true, 'Connecting to the endpoint took too long.'),
  MS_ENDPOINT_CLOSED: row(502, 'endpoint', true, 'The endpoint closed the connection before it answered.'),
  MS_ENDPOINT_RESET: row(502, 'endpoint', true, 'The connection to the endpoint broke.'),
  MS_BAD_RESPONSE: row(502, 'endpoint', false, 'The endpoint sent an answer that is not valid HTTP.'),
  MS_RESPONSE_CUT: row(502, 'endpoint', false, 'The endpoint ended the answer before it was complete.'),
  MS_RESPONSE_TIMEOUT: row(504, 'endpoint', false, 'The endpoint did not answer in time.'),
  MS_RESPONSE_STALLED: row(504, 'endpoint', false, 'The endpoint stopped sending its answer.'),

  // ---- the balancer itself
  MS_NO_ENDPOINT: row(503, 'self', false, 'No endpoint is available.'),
  MS_QUEUE_FULL: row(503, 'self', false, 'Too many requests are waiting.'),
  MS_QUEUE_TIMEOUT: row(503, 'self', false, 'The request waited too long for a free place.'),
  MS_LONG_LIVED_FULL: row(503, 'self', false, 'Too many WebSockets and event streams are open.'),
  MS_TIMEOUT: row(504, 'self', false, 'The request took too long.'),
  MS_CLOSING: row(503, 'self', false, 'The server is shutting down.'),
  MS_INTERNAL: row(500, 'self', false, 'An internal error occurred.'),

  // ---- start-up and command line: never an HTTP answer
  MS_INVALID_OPTION: row(0, 'self', false, 'An option is unknown or out of bounds.'),
  MS_BAD_CERTIFICATE: row(0, 'self', false, 'A certificate or its key cannot be used.'),
  MS_ACME_FAILED: row(0, 'self', false, 'No certificate could be got from the certificate authority.'),
  MS_LISTEN_FAILED: row(0, 'self', false, 'The address cannot be listened on.'),
  MS_WORKER_START_FAILED: row(0, 'self', false, 'A worker did not become ready.'),
  MS_UNSUPPORTED: row(0, 'self', false, 'The app does something that multiserver does not support.'),
  MS_NOT_RUNNING: row(0, 'self', false, 'No running instance answers.'),
  MS_ALREADY_RUNNING: row(0, 'self', false, 'An instance of this name is already running.'),
  MS_CONTROL_FAILED: row(0, 'self', false, 'The control socket cannot be opened or does not answer.'),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

/** The only error class of the package: `code` names a row of {@link ERRORS}, `message` says what happened in this case. */
export class MultiserverError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly origin: ErrorOrigin;
  readonly retryable: boolean;
  /** Seconds after which the client may come back, for statuses that tell it (429, 503). */
  readonly retryAfter: number;

  constructor(code: ErrorCode, message?: string, options?: { cause?: unknown; retryAfter?: number }) {
    super(message ?? ERRORS[code].message, options);
    this.name = 'MultiserverError';
    this.code = code;
    this.status = ERRORS[code].status;
    this.origin = ERRORS[code].origin;
    this.retryable = ERRORS[code].retryable;
    // What fills or empties the balancer changes within moments.
    this.retryAfter = options?.retryAfter ?? 1;
  }
}
