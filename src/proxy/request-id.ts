import { randomUUID } from 'node:crypto';
import type { Exchange } from '../exchange.js';
import { flat } from '../util/flat.js';

/** Three hexadecimal digits, ready-made: the last of an id. */
const ENDS = Array.from({ length: 0x1000 }, (_, i) => i.toString(16).padStart(3, '0'));
/** The five digits before them count blocks of so many ids. */
const LAST_BLOCK = 0xfffff;
/** What comes first is random. */
const PREFIX_LENGTH = 28;

let prefix = '';
let block = LAST_BLOCK;
let blockPrefix = '';
let next = ENDS.length;

/**
 * The request's id, made at its first use: `X-Request-Id` to the endpoint, and what an own answer tells the client. It has the form of a
 * UUID, for the tools that expect one, but its end is counted: a tenth of the cost of a random one, which comes in twenty pieces that
 * writing the head must join. Unique, not secret.
 */
export function requestIdOf(exchange: Exchange): string {
  if (exchange.requestId === '') {
    if (next === ENDS.length) nextBlock();
    exchange.requestId = blockPrefix + ENDS[next++]!;
  }
  return exchange.requestId;
}

function nextBlock(): void {
  if (block === LAST_BLOCK) {
    prefix = randomUUID().slice(0, PREFIX_LENGTH);
    block = -1;
  }
  block++;
  blockPrefix = flat(prefix + block.toString(16).padStart(5, '0'));
  next = 0;
}

/** Whether an id that a trusted proxy sent may be kept: it ends up in logs and answers. */
export function isRequestId(value: string): boolean {
  return /^[\x21-\x7e]{1,128}$/.test(value);
}
