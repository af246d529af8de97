import type { Context } from 'hono';
import { type ErrorCode, MultiserverError } from '../errors.js';
import { type Duration, parseDuration } from '../util/duration.js';
import type { Bindings } from './bindings.js';
import { errorAnswer, type OwnAnswer } from './own-answers.js';

/** Answers a request that no endpoint could take; `error` says why. */
export type FallbackHandler = (
  c: Context<{ Bindings: Bindings }>,
  error: MultiserverError,
) => Response | Promise<Response>;

/** The request has reached no endpoint. Whatever failed later was somebody's answer, or may have had an effect. */
const NOT_TAKEN: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'MS_NO_ENDPOINT',
  'MS_QUEUE_FULL',
  'MS_QUEUE_TIMEOUT',
  'MS_CONNECT_FAILED',
  'MS_CONNECT_TIMEOUT',
  'MS_CLOSING',
]);

export function wasNotTaken(error: MultiserverError): boolean {
  return NOT_TAKEN.has(error.code);
}

export interface ServiceUnavailableOptions {
  /** When the client may come back. */
  retryAfter?: Duration;
  /** A page of your own for browsers. */
  html?: string;
  /** The sentence in the default answer. */
  message?: string;
}

/** A fallback that answers 503 with Retry-After (RFC 9110 §15.6.4), in HTML or JSON by Accept. */
export function serviceUnavailable(options: ServiceUnavailableOptions = {}): FallbackHandler {
  const retryAfter = parseDuration(options.retryAfter ?? '1s');
  if (retryAfter === undefined) {
    throw new MultiserverError(
      'MS_INVALID_OPTION',
      "serviceUnavailable: 'retryAfter' must be milliseconds or '5s', '10m', '1h'",
    );
  }
  const seconds = String(Math.ceil(retryAfter / 1000));
  const { html } = options;
  const page =
    html === undefined
      ? undefined
      : (info: { accepts: string }) =>
          info.accepts === 'html' ? { contentType: 'text/html; charset=utf-8', body: html } : undefined;
  return (c) => {
    const { exchange } = c.env;
    const response = responseOf(errorAnswer(exchange, 'MS_NO_ENDPOINT', options.message, page));
    response.headers.set('Retry-After', seconds);
    return response;
  };
}

export function responseOf(answer: OwnAnswer): Response {
  const { status, reason, head, body } = answer;
  const headers = new Headers();
  for (let i = 0; i < head.pairs.length; i += 2) headers.append(head.pairs[i]!, head.pairs[i + 1]!);
  headers.set('content-length', String(body.length));
  return new Response(new Uint8Array(body), { status, statusText: reason, headers });
}
