import { createHmac, randomBytes } from 'node:crypto';
import type { EndpointView, RequestView } from '../../contracts/algorithm.js';
import * as row from '../../util/option-rows.js';
import { group } from '../../util/option-table.js';
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

export const STICKY_COOKIE = {
  secret: row.text('a text of at least 16 characters', ({ length }) => length >= 16, 'random', 'Signs the cookie.'),
  cookie: group({
    name: row.text('a valid cookie name', isToken, "'multiserver'", 'Name of the cookie.'),
    path: row.text('a path without ";"', (path) => /^\/[\x21-\x3a\x3c-\x7e]*$/.test(path), "'/'", 'Its path.'),
    domain: row.text('a host name', (name) => /^[A-Za-z0-9.-]+$/.test(name), 'none', 'Its domain.'),
    maxAge: row.optionalInteger(1, 2 ** 31, 'none', 'Seconds that browsers keep it.'),
    sameSite: row.oneOf(['Lax', 'Strict', 'None'], "'Lax'", 'Which requests from other sites bring it.'),
  }),
} satisfies Record<keyof StickyCookieOptions, unknown>;

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
