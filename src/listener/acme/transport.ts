import type { IncomingHttpHeaders } from 'node:http';
import { request } from 'node:https';
import { certificateFault } from '../../http1/client-errors.js';
import { acmeFailure } from './failure.js';

export interface AcmeReply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** For one request, ms. */
const PATIENCE = 30_000;
/** Of an answer, in characters: a certificate with its chain has some thousands. */
const MOST_TEXT = 1_000_000;

/** Requests to an authority, each on a connection of its own: one that was kept may be closed just when it is used again. */
export class Transport {
  readonly #ca: string | undefined;
  readonly #signal: AbortSignal;

  /** `ca`: trusted instead of the system's authorities. */
  constructor(ca: string | undefined, signal: AbortSignal) {
    this.#ca = ca;
    this.#signal = signal;
  }

  /** @throws MultiserverError MS_ACME_FAILED when there is no answer. */
  async send(method: 'GET' | 'HEAD' | 'POST', url: string, body = ''): Promise<AcmeReply> {
    try {
      return await this.#send(method, url, body);
    } catch (cause) {
      const { message, code } = cause as NodeJS.ErrnoException;
      const authority = `the authority ${URL.canParse(url) ? new URL(url).host : url}`;
      const fault = certificateFault(cause as Error);
      if (fault !== undefined)
        throw acmeFailure(
          `${authority} has a certificate that is not to be trusted: ${fault} (${code}); give its root as https.acme.ca (--acme-ca) where the system does not know it`,
          cause,
        );
      throw acmeFailure(
        `${authority} cannot be reached (${message === '' ? (code ?? 'no connection') : message})`,
        cause,
      );
    }
  }

  #send(method: string, url: string, body: string): Promise<AcmeReply> {
    return new Promise((resolve, reject) => {
      const headers = {
        // RFC 8555 §6.1 demands the first, §6.2 the second.
        'User-Agent': 'node-multiserver',
        ...(method === 'POST' ? { 'Content-Type': 'application/jose+json' } : {}),
        'Accept-Language': 'en',
      };
      const trust = this.#ca === undefined ? {} : { ca: this.#ca };
      const call = request(url, { method, headers, ...trust, agent: false, signal: this.#signal }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (piece: string) => {
          text += piece;
          if (text.length > MOST_TEXT) call.destroy(new Error('its answer is too long'));
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
        response.on('error', reject);
        response.on('close', () => clearTimeout(timer));
      });
      const timer = setTimeout(() => call.destroy(new Error(`no answer within ${PATIENCE / 1000} s`)), PATIENCE);
      call.on('error', (error) => {
        clearTimeout(timer);
        reject(error);
      });
      call.end(body);
    });
  }
}
