import { randomUUID } from 'node:crypto';
import type { Exchange } from '../exchange.js';
import { flat } from '../util/flat.js';

/** All ends of an id, ready-made: three hexadecimal digits. */
const ENDS = Array.from({ length: 0x1000 }, (_, i) => i.toString(16).padStart(3, '0'));
const RANDOM_LENGTH = 28;
/** Five more digits count the beginnings. */
const LAST = 0xfffff;

let random = '';
let begun = LAST;
let beginning = '';
let next = ENDS.length;

/**
 * The request's id, made at its first use: `X-Request-Id` to the endpoint, and what an own answer tells the client. It has the form of a
 * UUID, for the tools that expect one, but its end is counted: a tenth of the cost of a random one, which comes in twenty pieces that
 * writing the head must join. Unique, not secret.
 */
export function requestIdOf(exchange: Exchange): string {
  if (exchange.requestId === '') {
    if (next === ENDS.length) begin();
    exchange.requestId = beginning + ENDS[next++]!;
  }
  return exchange.requestId;
}

function begin(): void {
  if (begun === LAST) {
    random = randomUUID().slice(0, RANDOM_LENGTH);
    begun = -1;
  }
  begun++;
  beginning = flat(random + begun.toString(16).padStart(5, '0'));
  next = 0;
}

/** Whether an id that a trusted proxy sent may be kept: it ends up in logs and answers. */
export function isRequestId(value: string): boolean {
  return /^[\x21-\x7e]{1,128}$/.test(value);
}
