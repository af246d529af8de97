import { createHmac, randomBytes } from 'node:crypto';
import type { EndpointView, RequestView } from '../../contracts/algorithm.js';
import { MultiserverError } from '../../errors.js';
import { cookieAt, isToken } from './key.js';
import type { Stickiness } from './sticky-session.js';

export interface StickyCookieOptions {
  /** Signs the cookie; balancers with the same secret and endpoints understand each other's. Default: random, for this process. */
  readonly secret?: string;
  readonly cookie?: {
    /** Default `multiserver`. In pools beside the default one a dash and the pool's name follow: a client has a place in each. */
    readonly name?: string;
    /** Default `/`. */
    readonly path?: string;
    readonly domain?: string;
    /** Seconds; none: until the browser is closed. */
    readonly maxAge?: number;
    /** Default `Lax`; `None` makes it Secure always. */
    readonly sameSite?: 'Lax' | 'Strict' | 'None';
  };
}

/** 128 bits in base64url. */
const TOKEN_LENGTH = 22;
/** Cookies of its name that are looked at: there may be one of each path and domain, but a field full of them is an attack. */
const MOST_COOKIES = 8;
const SEMICOLON = 0x3b;

/**
 * The cookie's value is a MAC of the endpoint's id: without the secret none can be made or read. A value that is no candidate's (forged,
 * signed by another secret, its endpoint gone or not available) is as good as none, and the answer carries a new one.
 */
export class CookieStickiness implements Stickiness {
  readonly #options: StickyCookieOptions;
  readonly #secret: string | Buffer;
  readonly #name: string;
  /** By the endpoint's index: value of its cookie, and the whole Set-Cookie field over plain text and TLS. */
  #tokens: string[] = [];
  #plain: string[] = [];
  #secure: string[] = [];

  constructor(
    options: StickyCookieOptions,
    secret: string | Buffer = options.secret ?? randomBytes(32),
    pool = 'default',
  ) {
    this.#options = options;
    this.#secret = secret;
    const name = options.cookie?.name ?? 'multiserver';
    this.#name = pool === 'default' ? name : `${name}-${encodeURIComponent(pool).replace(/[()]/g, '~')}`;
    check(options, this.#name);
  }

  /** One with the same secret. */
  forPool(pool: string): CookieStickiness {
    return new CookieStickiness(this.#options, this.#secret, pool);
  }

  find(candidates: readonly EndpointView[], request: RequestView): EndpointView | undefined {
    const field = request.header('cookie');
    if (field === undefined) return undefined;
    let at = cookieAt(field, this.#name);
    for (let n = 0; n < MOST_COOKIES && at >= 0; n++, at = cookieAt(field, this.#name, at)) {
      for (let i = 0; i < candidates.length; i++) {
        const candidate = candidates[i]!;
        if (isValue(field, at, this.#tokens[candidate.index]!)) return candidate;
      }
    }
    return undefined;
  }

  /** Nothing to keep: the client will bring it. */
  remember(): void {}

  onEndpoints(endpoints: readonly EndpointView[]): void {
    this.#tokens = [];
    this.#plain = [];
    this.#secure = [];
    const { path = '/', domain, maxAge, sameSite = 'Lax' } = this.#options.cookie ?? {};
    for (const { id, index } of endpoints) {
      const token = createHmac('sha256', this.#secret)
        .update(`sticky\n${id}`)
        .digest('base64url')
        .slice(0, TOKEN_LENGTH);
      let field = `${this.#name}=${token}; Path=${path}; HttpOnly; SameSite=${sameSite}`;
      if (domain !== undefined) field += `; Domain=${domain}`;
      if (maxAge !== undefined) field += `; Max-Age=${maxAge}`;
      this.#tokens[index] = token;
      this.#secure[index] = `${field}; Secure`;
      // Browsers refuse SameSite=None without Secure.
      this.#plain[index] = sameSite === 'None' ? this.#secure[index] : field;
    }
  }

  onReply(endpoint: EndpointView, request: RequestView): string | undefined {
    const field = request.header('cookie') ?? '';
    let at = cookieAt(field, this.#name);
    for (let n = 0; n < MOST_COOKIES && at >= 0; n++, at = cookieAt(field, this.#name, at))
      if (isValue(field, at, this.#tokens[endpoint.index]!)) return undefined;
    return (request.secure === true ? this.#secure : this.#plain)[endpoint.index];
  }
}

function isValue(field: string, at: number, token: string): boolean {
  const end = at + TOKEN_LENGTH;
  return field.startsWith(token, at) && (end === field.length || field.charCodeAt(end) === SEMICOLON);
}

function check({ secret, cookie = {} }: StickyCookieOptions, name: string): void {
  if (secret !== undefined && (typeof secret !== 'string' || secret.length < 16))
    throw wrong('secret', 'a string of at least 16 characters');
  if (!isToken(name)) throw wrong('cookie.name', 'a valid cookie name');
  if (cookie.path !== undefined && !/^\/[\x21-\x3a\x3c-\x7e]*$/.test(cookie.path))
    throw wrong('cookie.path', 'a path without ";"');
  if (cookie.domain !== undefined && !/^[A-Za-z0-9.-]+$/.test(cookie.domain))
    throw wrong('cookie.domain', 'a host name');
  if (cookie.maxAge !== undefined && !(Number.isSafeInteger(cookie.maxAge) && cookie.maxAge > 0)) {
    throw wrong('cookie.maxAge', 'a whole number of seconds');
  }
  if (!['Lax', 'Strict', 'None', undefined].includes(cookie.sameSite))
    throw wrong('cookie.sameSite', "'Lax', 'Strict' or 'None'");
}

function wrong(option: string, rule: string): MultiserverError {
  return new MultiserverError('MS_INVALID_OPTION', `Option "stickySession ${option}" must be ${rule}.`);
}
