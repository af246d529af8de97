import { headOf } from '../http1/fields.js';
import type { Station } from './force-https.js';
import { sendOwnAnswer } from './own-answers.js';

/** RFC 8555 §8.3. */
const PREFIX = '/.well-known/acme-challenge/';

/**
 * Answers a certificate authority that looks, by plain HTTP, whether a name is ours. `answerTo` knows the tokens; a request with another
 * one goes on: an endpoint may have an authority of its own.
 */
export function createAcmeChallenge(answerTo: (token: string) => string | undefined): Station {
  return (exchange) => {
    const { method, target } = exchange;
    if (!target.startsWith(PREFIX) || (method !== 'GET' && method !== 'HEAD')) return false;
    const answer = answerTo(target.slice(PREFIX.length));
    if (answer === undefined) return false;
    const head = headOf(['Content-Type', 'application/octet-stream', 'Cache-Control', 'no-store']);
    sendOwnAnswer(exchange, { status: 200, reason: 'OK', head, body: Buffer.from(answer) }, method);
    return true;
  };
}
