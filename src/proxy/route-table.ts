import type { Result, Router } from 'hono/router';
import { RegExpRouter } from 'hono/router/reg-exp-router';
import { SmartRouter } from 'hono/router/smart-router';
import { TrieRouter } from 'hono/router/trie-router';

/** The path says nothing that could have another reading; only then is a look at its first segment enough. */
const NO = 0;
const MAYBE = 1;
/** It has percent signs, backslashes, dot or empty segments: see `util/path-readings.ts`. */
const UNCLEAR = 2;

/**
 * Hono's own routers behind two changes: the last route of every path is the balancer (so that the last `next()` balances and
 * `c.notFound()` keeps its meaning), and routes may be added after the first request. What it is for besides: to tell by one look at the
 * first segment that nothing can match.
 */
export class RouteTable<T> implements Router<T> {
  name = 'RouteTable';
  readonly #last: T;
  readonly #routes: [method: string, path: string, handler: T][] = [];
  readonly #segments = new Set<string>();
  #everywhere = false;
  #matcher: Router<T> | null = null;

  constructor(last: T) {
    this.#last = last;
  }

  add(method: string, path: string, handler: T): void {
    this.#routes.push([method, path, handler]);
    this.#matcher = null;
    const segment = /^\/([^/]*)/.exec(path)?.[1] ?? '';
    if (/[:*{}?]/.test(segment)) this.#everywhere = true;
    else this.#segments.add(segment);
  }

  match(method: string, path: string): Result<T> {
    this.#matcher ??= this.#build();
    return this.#matcher.match(method, path);
  }

  /** Handlers of the user's own for this path. */
  own(method: string, path: string): T[] {
    const handlers = this.match(method, path)[0].map(([handler]) => handler);
    return handlers.filter((handler) => handler !== this.#last);
  }

  get isEmpty(): boolean {
    return this.#routes.length === 0;
  }

  /** {@link NO}: no route can match this target, whatever its method. */
  glance(target: string): number {
    if (this.isEmpty) return NO;
    let end = -1;
    let before = 0;
    let i = 0;
    for (; i < target.length; i++) {
      const c = target.charCodeAt(i);
      if (c === 63) break;
      // `%`, `#`, `\`, and a slash or dot right after a slash.
      if (c === 37 || c === 35 || c === 92 || (before === 47 && (c === 47 || c === 46))) return UNCLEAR;
      if (c === 47 && i > 0 && end < 0) end = i;
      before = c;
    }
    if (this.#everywhere) return MAYBE;
    return this.#segments.has(target.slice(1, end < 0 ? i : end)) ? MAYBE : NO;
  }

  #build(): Router<T> {
    const matcher = new SmartRouter<T>({ routers: [new RegExpRouter<T>(), new TrieRouter<T>()] });
    for (const [method, path, handler] of this.#routes) matcher.add(method, path, handler);
    matcher.add('ALL', '/*', this.#last);
    return matcher;
  }
}

export { MAYBE, NO, UNCLEAR };
