import type { Endpoint } from '../balance/endpoint.js';
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE, type Exchange, type Head } from '../exchange.js';
import * as f from '../http1/fields.js';
import { flat } from '../util/flat.js';
import { requestIdOf } from './request-id.js';

export interface ForwardSettings {
  /** Host as the client sent it; else the endpoint's own. */
  readonly preserveHost: boolean;
  /** Writes RFC 7239 Forwarded beside X-Forwarded-*. */
  readonly forwarded: boolean;
  /** Passes on names that CGI-like servers fold into others. */
  readonly allowUnderscores: boolean;
}

/** What is done with a field of a kind; kinds that are not in the table are copied, unless the Connection field lists them. */
const COPY = 0;
/** Hop-by-hop (RFC 9110 §7.6.1), written anew, or never a client's to send. */
const DROP = 1;
/** Copied although the Connection field may list it: else a client could strip what a proxy before it or the endpoint relies on. */
const PROTECT = 2;
const SPECIAL = 3;

const ACTIONS = new Uint8Array(64);
for (const kind of [
  f.F_HOST, f.F_CONTENT_LENGTH, f.F_TRANSFER_ENCODING, f.F_CONNECTION, f.F_KEEP_ALIVE, f.F_PROXY, f.F_UPGRADE, f.F_HTTP2_SETTINGS,
  f.F_EXPECT, f.F_FORWARDED, f.F_X_FORWARDED_FOR, f.F_X_FORWARDED_PROTO, f.F_X_FORWARDED_HOST, f.F_X_FORWARDED_PORT, f.F_X_REQUEST_ID,
  f.F_MULTISERVER_CLIENT,
]) ACTIONS[kind] = DROP; // prettier-ignore
for (const kind of [f.F_COOKIE, f.F_AUTHORIZATION]) ACTIONS[kind] = PROTECT;
for (const kind of [f.F_TE, f.F_TRAILER, f.F_VIA, f.F_X_FORWARDED_OTHER, f.F_X_REAL_IP, f.F_MAX_FORWARDS, f.F_FOLDABLE])
  ACTIONS[kind] = SPECIAL;

/**
 * The head of the request sent to `endpoint`, latin1. Called once an attempt, so it only concatenates: fields are copied in their order
 * and case, and the framing is written anew from what was parsed, never from what was received. The lines of fields that came before over
 * the same connection are kept, but for methods whose fields change on the way (Max-Forwards).
 */
export function writeRequestHead(exchange: Exchange, endpoint: Endpoint, settings: ForwardSettings): string {
  const host = settings.preserveHost && exchange.authority !== '' ? exchange.authority : endpoint.authority;
  const { memo } = exchange.head;
  const { authority, client, forwarded, method, minor } = exchange;
  let lines: string;
  let trailers: boolean;
  if (memo === null || forwarded !== null || method === 'OPTIONS' || method === 'TRACE') {
    trailers = asksForTrailers(exchange);
    lines = fieldLines(exchange, host, settings);
  } else {
    const known = memo.request;
    if (
      known === null ||
      known.client !== client ||
      known.authority !== authority ||
      known.host !== host ||
      known.minor !== minor ||
      known.forwarded !== settings.forwarded ||
      known.allowUnderscores !== settings.allowUnderscores
    ) {
      trailers = asksForTrailers(exchange);
      lines = flat(fieldLines(exchange, host, settings));
      const { forwarded: standard, allowUnderscores } = settings;
      memo.request = { client, authority, host, minor, forwarded: standard, allowUnderscores, trailers, lines };
    } else ({ lines, trailers } = known);
  }
  let out = method + ' ' + exchange.target + lines + requestIdOf(exchange);
  if (endpoint.worker) {
    const port = forwarded === null || forwarded.chain.length === 0 ? client.port : 0;
    const proto = exchange.secure ? 'https' : 'http';
    out += '\r\nx-multiserver-client: ' + proto + ';' + exchange.clientAddress + ';' + port + ';' + client.localPort;
  }
  return out + framing(exchange, trailers);
}

/** From the version to the name of the field with the request's id. */
function fieldLines(exchange: Exchange, host: string, settings: ForwardSettings): string {
  const { pairs, kinds, listed } = exchange.head;
  const { client, forwarded } = exchange;
  let out = ' HTTP/1.1\r\nHost: ' + host + '\r\n';

  let via = '';
  for (let i = 0; i < kinds.length; i++) {
    const kind = kinds[i]!;
    const action = ACTIONS[kind]!;
    if (action === DROP) continue;
    const name = pairs[2 * i]!;
    const value = pairs[2 * i + 1]!;
    if (action === COPY) {
      if (listed !== null && listed.includes(name.toLowerCase())) continue;
    } else if (action === SPECIAL) {
      if (kind === f.F_VIA) {
        via = via === '' ? value : via + ', ' + value;
        continue;
      }
      if (kind === f.F_TE) continue;
      if (kind === f.F_MAX_FORWARDS && (exchange.method === 'OPTIONS' || exchange.method === 'TRACE')) {
        // RFC 9110 §7.6.2; a request that says 0 is answered before it gets here.
        out += name + ': ' + decrement(value) + '\r\n';
        continue;
      }
      if (kind === f.F_TRAILER && exchange.body !== BODY_CHUNKED) continue;
      if (kind === f.F_FOLDABLE && (!settings.allowUnderscores || isListed(listed, name))) continue;
      if (kind === f.F_X_FORWARDED_OTHER && forwarded === null) continue;
      if (kind === f.F_X_REAL_IP) {
        if (forwarded !== null) out += name + ': ' + exchange.clientAddress + '\r\n';
        continue;
      }
    }
    out += name + ': ' + value + '\r\n';
  }

  const proto = forwarded === null ? (client.encrypted ? 'https' : 'http') : forwarded.proto;
  if (forwarded === null) {
    out += 'X-Forwarded-For: ' + addressOf(exchange) + '\r\nX-Forwarded-Proto: ' + proto;
    if (exchange.authority !== '') out += '\r\nX-Forwarded-Host: ' + exchange.authority;
    out += '\r\nX-Forwarded-Port: ' + portOf(exchange);
  } else {
    let chain = '';
    for (const address of forwarded.chain) chain += address + ', ';
    out += 'X-Forwarded-For: ' + chain + peerOf(exchange) + '\r\nX-Forwarded-Proto: ' + proto;
    if (forwarded.host !== '') out += '\r\nX-Forwarded-Host: ' + forwarded.host;
    out += '\r\nX-Forwarded-Port: ' + forwarded.port;
  }
  if (settings.forwarded) out += '\r\nForwarded: ' + forwardedField(exchange, proto);
  // A gateway must say that it passed the message on, and which version it received (RFC 9110 §7.6.3).
  return out + '\r\nVia: ' + (via === '' ? '1.' : via + ', 1.') + exchange.minor + ' multiserver\r\nX-Request-Id: ';
}

/** Of a request's trailers, those that may be passed on as fields of its head may be; what no trailer may be, its writer knows. */
export function passedTrailers(trailers: Head | null, { allowUnderscores }: ForwardSettings): Head | null {
  if (trailers === null || allowUnderscores || !trailers.kinds.includes(f.F_FOLDABLE)) return trailers;
  const { kinds } = trailers;
  return {
    pairs: trailers.pairs.filter((_, i) => kinds[i >> 1] !== f.F_FOLDABLE),
    kinds: kinds.filter((kind) => kind !== f.F_FOLDABLE),
    listed: null,
    memo: null,
  };
}

function framing(exchange: Exchange, trailers: boolean): string {
  // A body and an upgrade in one message would leave open where the tunnel begins: then it is a plain request.
  if (exchange.upgrade && exchange.body === BODY_NONE) return '\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
  let out = trailers ? '\r\nTE: trailers\r\nConnection: TE' : '';
  const { body, method } = exchange;
  if (body === BODY_CHUNKED) out += '\r\nTransfer-Encoding: chunked';
  else if (body === BODY_LENGTH) out += '\r\nContent-Length: ' + exchange.length;
  // RFC 9110 §8.6: methods that have a body by their meaning say that there is none.
  else if (method === 'POST' || method === 'PUT' || method === 'PATCH') out += '\r\nContent-Length: 0';
  if (exchange.expectsContinue && body !== BODY_NONE) out += '\r\nExpect: 100-continue';
  return out + '\r\n\r\n';
}

function isListed(listed: readonly string[] | null, name: string): boolean {
  return listed !== null && listed.includes(name.toLowerCase());
}

/** Of transfer codings only `trailers` means anything to the next hop (RFC 9110 §10.1.4). */
function asksForTrailers({ head: { pairs, kinds } }: Exchange): boolean {
  return (
    kinds.includes(f.F_TE) &&
    kinds.some((kind, i) => kind === f.F_TE && /(?:^|,)[\t ]*trailers[\t ]*(?:,|$)/i.test(pairs[2 * i + 1]!))
  );
}

/** A value that is no number stands for no limit, and is passed on as it is. */
function decrement(value: string): string {
  return /^\d{1,15}$/.test(value) ? String(Math.max(0, Number(value) - 1)) : value;
}

/** A peer on a Unix socket has no address: RFC 7239 §6.2 calls that `unknown`. */
function addressOf(exchange: Exchange): string {
  return exchange.clientAddress || 'unknown';
}

function peerOf(exchange: Exchange): string {
  return exchange.client.address || 'unknown';
}

function portOf(exchange: Exchange): number {
  return exchange.client.localPort || (exchange.client.encrypted ? 443 : 80);
}

function forwardedField(exchange: Exchange, proto: string): string {
  const host = exchange.forwarded === null ? exchange.authority : exchange.forwarded.host;
  const about = (host === '' ? '' : ';host="' + host + '"') + ';proto=' + proto;
  const chain = exchange.forwarded?.chain ?? [];
  if (chain.length === 0) return 'for=' + node(addressOf(exchange)) + about;
  let out = '';
  for (let i = 0; i < chain.length; i++) out += 'for=' + node(chain[i]!) + (i === 0 ? about : '') + ', ';
  return out + 'for=' + node(peerOf(exchange));
}

/** RFC 7239 §6: an IPv6 address stands in brackets and quotes. */
function node(address: string): string {
  return address.includes(':') ? '"[' + address + ']"' : address;
}
