import type { ErrorCode } from '../errors.js';
import { BODY_LENGTH, BODY_NONE, type Exchange } from '../exchange.js';
import { F_EXPECT, F_HOST, F_SEC_WEBSOCKET_KEY } from './fields.js';
import { frameRequest, type Framing, listElements } from './framing.js';
import type { HeadParser } from './head-parser.js';
import { hasValidPath, isAuthority, parseAbsolute } from './target.js';

/**
 * What a parsed request head means: target form, authority, framing, expectation, upgrade (RFC 9112 §3.2, §6; RFC 9110 §7). Fills the
 * exchange; returns the error that refuses it, or ''.
 */
export function readRequestHead(parser: HeadParser, framing: Framing, exchange: Exchange): ErrorCode | '' {
  const error = interpret(parser, framing, exchange);
  // Also of one that is refused: its fields say how the answer is to look.
  exchange.head = parser.head(error === '' ? framing.listed : null);
  return error;
}

function interpret(parser: HeadParser, framing: Framing, exchange: Exchange): ErrorCode | '' {
  const { method, pairs, kinds, minor } = parser;
  const { target } = parser;
  exchange.method = method;
  exchange.minor = minor;

  let host: string | null = null;
  let hostAt = 0;
  let key = false;
  let expect = false;
  for (let i = 0; i < kinds.length; i++) {
    switch (kinds[i]) {
      case F_HOST:
        if (host !== null) return 'MS_BAD_HOST';
        hostAt = 2 * i + 1;
        host = pairs[hostAt]!;
        break;
      case F_SEC_WEBSOCKET_KEY:
        key = true;
        break;
      case F_EXPECT:
        expect ||= listElements(pairs[2 * i + 1]!).some((e) => e.toLowerCase() === '100-continue');
        break;
    }
  }
  if (host === null ? minor === 1 : !isAuthority(host)) {
    // Of an absolute target the authority counts: Host is read for its number and form only (RFC 9112 §3.2.2).
    if (host !== '' || !/^http/i.test(target)) return 'MS_BAD_HOST';
  }
  exchange.authority = host ?? '';

  if (method === 'CONNECT') {
    // No tunnel to wherever the client likes; what follows is meant for one, so nothing more is read (RFC 9110 §9.3.6).
    return /:\d+$/.test(target) && isAuthority(target) ? 'MS_METHOD_NOT_ALLOWED' : 'MS_BAD_TARGET';
  }
  if (target.charCodeAt(0) === 47) {
    if (!hasValidPath(target)) return 'MS_BAD_TARGET';
    exchange.target = target;
  } else if (target === '*') {
    if (method !== 'OPTIONS') return 'MS_BAD_TARGET';
    exchange.target = target;
  } else {
    const absolute = parseAbsolute(target);
    if (absolute === null || !hasValidPath(absolute.path)) return 'MS_BAD_TARGET';
    // RFC 9110 §7.4: a request for https must have come over a secured connection.
    if (absolute.secure && !exchange.client.encrypted) return 'MS_MISDIRECTED';
    exchange.authority = absolute.authority;
    // A proxy must take it in place of the Host it received (RFC 9112 §3.2.2), for all who look into the fields.
    if (host !== null) parser.replace(hostAt, absolute.authority);
    exchange.target = absolute.path !== '' ? absolute.path : method === 'OPTIONS' ? '*' : '/';
  }

  frameRequest(framing, pairs, kinds, minor);
  if (framing.error !== '') return framing.error;
  exchange.body = framing.body;
  exchange.length = framing.length;
  exchange.expectsContinue = expect && minor === 1 && hasContent(exchange);
  exchange.upgrade = framing.websocket && method === 'GET' && key && framing.body === BODY_NONE;
  return '';
}

function hasContent(exchange: Exchange): boolean {
  return exchange.body !== BODY_NONE && !(exchange.length === 0 && exchange.body === BODY_LENGTH);
}
