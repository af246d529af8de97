import type { ErrorHandler } from 'hono';
import { MultiserverError } from '../errors.js';
import type { Exchange } from '../exchange.js';
import type { Bindings } from './bindings.js';
import { responseOf } from './fallback.js';
import type { OwnAnswer } from './own-answers.js';

/**
 * What a route or middleware of the user's that throws is answered with, unless `onError` says otherwise: a page like that of every other
 * error. It is told each time, as Hono does, unless the client is why: whoever sends half a body could fill the disk.
 */
export function createRouteErrorHandler(
  answer: (exchange: Exchange, error: MultiserverError) => OwnAnswer,
  onProblem: (message: string, error: unknown) => void,
): ErrorHandler<{ Bindings: Bindings }> {
  return (cause, c) => {
    if ('getResponse' in cause) {
      // Hono's HTTPException and its like; with the fields that were set before.
      const response = cause.getResponse();
      return c.newResponse(response.body, response);
    }
    const ofClient = cause instanceof MultiserverError && cause.origin === 'client';
    if (!ofClient) onProblem(`${c.req.method} ${c.req.path} threw ${cause.stack ?? String(cause)}`, cause);
    // None where the user's tests call `app.request()`.
    const exchange = (c.env as Bindings | undefined)?.exchange;
    if (exchange === undefined) return c.text('Internal Server Error', 500);
    exchange.error = ofClient ? cause : new MultiserverError('MS_INTERNAL', undefined, { cause });
    return responseOf(answer(exchange, exchange.error));
  };
}
