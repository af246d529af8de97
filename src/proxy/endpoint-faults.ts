import type { Endpoint } from '../balance/endpoint.js';
import type { MultiserverError } from '../errors.js';
import { Seldom } from '../util/seldom.js';

/** An endpoint that fails fails with each request, ms. */
const PAUSE = 60_000;

/** What helps with a certificate, by OpenSSL's and Node's names of what is wrong with it; most others are of an authority that is not known. */
const ADVICE: Readonly<Record<string, string>> = {
  ERR_TLS_CERT_ALTNAME_INVALID: ' Give the name that it is for by endpointTls.servername (--endpoint-servername).',
  CERT_HAS_EXPIRED: ' It must be renewed there.',
  CERT_NOT_YET_VALID: '',
  CERT_REVOKED: '',
};
const NO_AUTHORITY = ' Give its authority by endpointTls.ca (--endpoint-ca).';

/** Tells why endpoints fail: of each what kind of fault it is, at first and then once a minute. */
export class EndpointFaults {
  readonly #seldom: Seldom;
  readonly #onProblem: (message: string, error: unknown) => void;

  constructor(now: () => number, onProblem: (message: string, error: unknown) => void) {
    this.#seldom = new Seldom(PAUSE, now);
    this.#onProblem = onProblem;
  }

  tell({ id, url, worker }: Endpoint, error: MultiserverError): void {
    const { code, origin, message, cause } = error;
    if (origin !== 'endpoint' || !this.#seldom.isDue(`${id} ${code}`)) return;
    const advice =
      code === 'MS_BAD_ENDPOINT_CERTIFICATE'
        ? (ADVICE[(cause as NodeJS.ErrnoException | undefined)?.code ?? ''] ?? NO_AUTHORITY)
        : '';
    this.#onProblem(`${worker ? id : url}: ${message}${advice}`, error);
  }
}
