import { randomUUID } from 'node:crypto';
import type { Exchange } from '../exchange.js';

/** The request's id, made at its first use: `X-Request-Id` to the endpoint, and what an own answer tells the client. */
export function requestIdOf(exchange: Exchange): string {
  if (exchange.requestId === '') exchange.requestId = randomUUID();
  return exchange.requestId;
}

/** Whether an id that a trusted proxy sent may be kept: it ends up in logs and answers. */
export function isRequestId(value: string): boolean {
  return /^[\x21-\x7e]{1,128}$/.test(value);
}
