import { randomUUID } from 'node:crypto';
import type { Exchange } from '../exchange.js';

/** Always eight hexadecimal digits, and a small integer of the engine. */
const FIRST = 0x10000000;
const LAST = 0x3fffffff;
const PREFIX_LENGTH = 28;

let prefix = '';
let next = LAST + 1;

/**
 * The request's id, made at its first use: `X-Request-Id` to the endpoint, and what an own answer tells the client. It has the form of a
 * UUID, for the tools that expect one, but its end is counted: a fifth of the cost of a random one, which comes in twenty pieces that
 * writing the head must join. Unique, not secret.
 */
export function requestIdOf(exchange: Exchange): string {
  if (exchange.requestId === '') {
    if (next > LAST) {
      prefix = randomUUID().slice(0, PREFIX_LENGTH);
      next = FIRST;
    }
    exchange.requestId = prefix + (next++).toString(16);
  }
  return exchange.requestId;
}

/** Whether an id that a trusted proxy sent may be kept: it ends up in logs and answers. */
export function isRequestId(value: string): boolean {
  return /^[\x21-\x7e]{1,128}$/.test(value);
}
