import { MultiserverError } from '../errors.js';
import type { Exchange } from '../exchange.js';
import { headOf } from '../http1/fields.js';
import { type OwnAnswer, reasonOf, sendOwnAnswer } from './own-answers.js';

/** A station that sees each exchange before own routes and balancing. True: it has answered. */
export type Station = (exchange: Exchange) => boolean;

/** The part of a balancer that a plug-in needs which looks at every exchange. */
export interface Interceptable {
  intercept(station: Station): unknown;
}

export interface ForceHttpsOptions {
  /**
   * Where HTTPS is: a host, with its port if that is not 443 (`'www.example.com'`); or, with `hosts`, only a port, and each of the hosts
   * is redirected to itself.
   */
  mapTo?: string | number;
  /** Hosts that are yours: `'example.com'`, `'*.example.com'`. Requests for others are answered with 421. */
  hosts?: readonly string[];
  /** 308 and 307 keep method and body. */
  status?: 301 | 302 | 307 | 308;
  /** Strict-Transport-Security (RFC 6797) on answers over HTTPS; true: a year. */
  hsts?: boolean | HstsOptions;
}

export interface HstsOptions {
  /** Seconds. */
  maxAge?: number;
  includeSubDomains?: boolean;
  preload?: boolean;
}

const YEAR = 31_536_000;
const STATUSES: readonly unknown[] = [301, 302, 307, 308];

/**
 * Redirects what comes over plain HTTP to the same path over HTTPS. The host is never one that only the client named: a redirect to a
 * made-up Host could be kept by a cache and sent to others. So either `mapTo` names the host, or `hosts` lists those that are yours.
 */
export function forceHttps(options: ForceHttpsOptions): (balancer: Interceptable) => void {
  const station = createForceHttps(options);
  return (balancer) => void balancer.intercept(station);
}

export function createForceHttps(options: ForceHttpsOptions): Station {
  const status = options.status ?? 308;
  if (!STATUSES.includes(status)) throw invalid("'status' must be 301, 302, 307 or 308");
  const placeOf = createPlaceOf(options);
  const hsts = hstsOf(options.hsts ?? false);
  return (exchange) => {
    if (exchange.secure) {
      if (hsts !== '') (exchange.replyFields ??= []).push('Strict-Transport-Security', hsts);
      return false;
    }
    const place = placeOf(exchange.forwarded?.host || exchange.authority);
    if (place === '') exchange.fail(new MultiserverError('MS_UNKNOWN_HOST'));
    else sendOwnAnswer(exchange, redirect(exchange, status, place), exchange.method);
    return true;
  };
}

function redirect(exchange: Exchange, status: number, place: string): OwnAnswer {
  // `OPTIONS *` is about the server, not about a path.
  const location = `https://${place}${exchange.target === '*' ? '/' : exchange.target}`;
  return { status, reason: reasonOf(status), head: headOf(['Location', location]), body: Buffer.alloc(0) };
}

/** Host and port for the host that was asked for; empty: not one of ours. */
function createPlaceOf(options: ForceHttpsOptions): (authority: string) => string {
  const { mapTo, hosts } = options;
  if (typeof mapTo === 'string') {
    // With a scheme in front, what people copy from the address bar means the same.
    const place = mapTo.replace(/^https:\/\//i, '').replace(/\/$/, '');
    const url = `https://${place}/`;
    if (place === '' || /[/?#@\\\s]/.test(place) || !URL.canParse(url))
      throw invalid("'mapTo' must be a host such as 'www.example.com' or a port");
    if (hosts === undefined) return () => place;
    const isOurs = createHostTest(hosts);
    return (authority) => (isOurs(hostOf(authority)) ? place : '');
  }
  if (hosts === undefined)
    throw invalid("say where to redirect to: 'mapTo' with a host, or 'hosts' with those that are yours");
  if (mapTo !== undefined && !(Number.isInteger(mapTo) && mapTo > 0 && mapTo < 65_536))
    throw invalid("'mapTo' is no port");
  const port = mapTo === undefined || mapTo === 443 ? '' : `:${mapTo}`;
  const isOurs = createHostTest(hosts);
  return (authority) => {
    const host = hostOf(authority);
    return isOurs(host) ? host + port : '';
  };
}

/** In lower case, without port. */
function hostOf(authority: string): string {
  return authority.toLowerCase().replace(/:\d*$/, '');
}

function createHostTest(hosts: readonly string[]): (host: string) => boolean {
  const exact = new Set<string>();
  const endings: string[] = [];
  for (const host of hosts) {
    const name = host.toLowerCase();
    if (!/^(?:\*\.)?(?:[a-z0-9_-]+\.)*[a-z0-9_-]+$|^\[[0-9a-f:.]+\]$/.test(name))
      throw invalid(`'${host}' in 'hosts' is no host`);
    if (name.startsWith('*.')) endings.push(name.slice(1));
    else exact.add(name);
  }
  // A name before the dot of `*.example.com` must be one, or the redirect leads somewhere else: `a/.example.com`.
  return (host) =>
    exact.has(host) ||
    (/^[a-z0-9._-]+$/.test(host) && endings.some((end) => host.length > end.length && host.endsWith(end)));
}

function hstsOf(option: boolean | HstsOptions): string {
  if (option === false) return '';
  const { maxAge = YEAR, includeSubDomains = false, preload = false } = option === true ? {} : option;
  if (!Number.isInteger(maxAge) || maxAge < 0) throw invalid("'hsts.maxAge' must be a whole number of seconds");
  return `max-age=${maxAge}${includeSubDomains ? '; includeSubDomains' : ''}${preload ? '; preload' : ''}`;
}

function invalid(message: string): MultiserverError {
  return new MultiserverError('MS_INVALID_OPTION', `forceHttps: ${message}.`);
}
