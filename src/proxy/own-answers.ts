import { STATUS_CODES } from 'node:http';
import { ERRORS, type ErrorCode, type MultiserverError } from '../errors.js';
import { BODY_LENGTH, BODY_NONE, type Exchange, type Head, type Reply } from '../exchange.js';
import { F_MAX_FORWARDS, headOf } from '../http1/fields.js';
import { writeResponseHead } from '../http1/writer.js';
import type { ErrorInfo, ErrorPage, Page } from '../option-types.js';
import { requestIdOf } from './request-id.js';

/** An answer of the balancer's own, complete. */
export interface OwnAnswer {
  readonly status: number;
  readonly reason: string;
  readonly head: Head;
  readonly body: Buffer;
}

/** Everything the balancer can pass on; sent with 405 (RFC 9110 §15.5.6 demands it) and with the answer to OPTIONS. */
const ALLOW = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';

/**
 * The answer to an error, short, in HTML for browsers and JSON for the rest, with the error's code and the request's id. It never says
 * more of the inside (addresses, paths) than the row of {@link ERRORS}, or than `detail`, which must be fit for strangers.
 */
export function errorAnswer(
  exchange: Exchange | null,
  code: ErrorCode,
  detail?: string,
  page?: ErrorPage,
  retryAfter = 1,
): OwnAnswer {
  const row = ERRORS[code];
  // An error without a status has nobody to answer; should one get here, it is our fault.
  const status = row.status || 500;
  const info: ErrorInfo = {
    code,
    status,
    reason: reasonOf(status),
    message: detail ?? row.message,
    requestId: exchange === null ? '' : requestIdOf(exchange),
    accepts: prefersHtml(exchange?.header('accept')) ? 'html' : 'json',
  };
  const { contentType, body } = page?.(info) ?? (info.accepts === 'html' ? htmlPage(info) : jsonPage(info));
  const pairs = ['Content-Type', contentType, 'Cache-Control', 'no-store', 'X-Content-Type-Options', 'nosniff'];
  if (info.requestId !== '') pairs.push('X-Request-Id', info.requestId);
  if (status === 503 || status === 429) pairs.push('Retry-After', `${retryAfter}`);
  if (status === 405) pairs.push('Allow', ALLOW);
  return { status, reason: info.reason, head: headOf(pairs), body: Buffer.from(body) };
}

/** The answer to an exchange that ended with `error`. */
export function failureAnswer(exchange: Exchange, { code, retryAfter }: MultiserverError, page?: ErrorPage): OwnAnswer {
  return errorAnswer(exchange, code, undefined, page, retryAfter);
}

/** Sends a complete answer. A HEAD request gets its length only (RFC 9110 §9.3.2). */
export function sendOwnAnswer(reply: Reply, answer: OwnAnswer, method: string): void {
  const { status, reason, head, body } = answer;
  const bare = method === 'HEAD' || body.length === 0;
  reply.sendHead(status, reason, head, bare ? BODY_NONE : BODY_LENGTH, body.length);
  if (!bare) reply.sendData(body);
  reply.sendEnd(null);
}

/** A complete answer as it is sent, in latin1, to a client whose request was not read: the connection is closed with it. */
export function textOfAnswer({ status, reason, head, body }: OwnAnswer): string {
  return writeResponseHead(status, reason, head, BODY_LENGTH, body.length, 1, false) + body.toString('latin1');
}

/**
 * RFC 9110 §7.6.2: an OPTIONS or TRACE request with `Max-Forwards: 0` ends here and is answered as by its last recipient. Undefined: it is
 * to be passed on.
 */
export function lastHopAnswer(exchange: Exchange): OwnAnswer | undefined {
  const { method, head } = exchange;
  if (method !== 'OPTIONS' && method !== 'TRACE') return undefined;
  const at = head.kinds.indexOf(F_MAX_FORWARDS);
  if (at < 0 || !/^0+$/.test(head.pairs[2 * at + 1]!)) return undefined;
  if (method === 'TRACE') return errorAnswer(exchange, 'MS_METHOD_NOT_ALLOWED');
  return { status: 200, reason: 'OK', head: headOf(['Allow', ALLOW]), body: Buffer.alloc(0) };
}

export function reasonOf(status: number): string {
  return STATUS_CODES[status] ?? '';
}

/** Browsers name text/html; tools say `*` or nothing and can read JSON. */
function prefersHtml(accept: string | undefined): boolean {
  if (accept === undefined) return false;
  const html = /\btext\/html\b/i.exec(accept)?.index ?? -1;
  const json = /\bapplication\/(?:[\w.-]+\+)?json\b/i.exec(accept)?.index ?? -1;
  return html >= 0 && (json < 0 || html < json);
}

function jsonPage(info: ErrorInfo): Page {
  const { status, code, message, requestId } = info;
  const body = requestId === '' ? { status, code, message } : { status, code, message, requestId };
  return { contentType: 'application/json', body: JSON.stringify(body) + '\n' };
}

function htmlPage(info: ErrorInfo): Page {
  const title = escapeHtml(`${info.status} ${info.reason}`);
  const id = info.requestId === '' ? '' : ` · ${escapeHtml(info.requestId)}`;
  return {
    contentType: 'text/html; charset=utf-8',
    body: `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${title}</title></head>
<body><h1>${title}</h1><p>${escapeHtml(info.message)}</p><p><small>${info.code}${id}</small></p></body></html>
`,
  };
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
