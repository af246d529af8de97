import { randomUUID } from 'node:crypto';
import { type Context, Hono } from 'hono';
import type { H, RouterRoute } from 'hono/types';
import { MultiserverError } from '../errors.js';
import type { Exchange, Reply } from '../exchange.js';
import type { Bindings } from './bindings.js';
import { type FallbackHandler, responseOf, wasNotTaken } from './fallback.js';
import { failureAnswer, type OwnAnswer } from './own-answers.js';
import { otherReadings } from '../util/path-readings.js';
import { NO, RouteTable, UNCLEAR } from './route-table.js';
import { Visit, VISIT, type VisitContext } from './visit.js';
import { methodOf, urlOf } from './web-request.js';

type Entry = [H, RouterRoute];

/**
 * The phase `route`: requests that match a route or middleware which the user gave the balancer visit it, all others pass by at the cost
 * of a glance at their path.
 *
 * Whatever the own handlers do not answer is balanced: the balancer stands behind the last route of every path. `app.notFound` is
 * therefore what `c.notFound()` answers, not what unknown paths get.
 */
export class OwnRoutes {
  readonly #app: Hono;
  readonly #table: RouteTable<Entry>;
  readonly #visits: VisitContext;
  readonly #answer: (exchange: Exchange, error: MultiserverError) => OwnAnswer;
  readonly #fallbackApp = new Hono<{ Bindings: Bindings }>();
  #fallback: FallbackHandler | null = null;

  constructor(
    app: Hono,
    balance: (exchange: Exchange, reply: Reply) => void,
    answer: (exchange: Exchange, error: MultiserverError) => OwnAnswer = failureAnswer,
  ) {
    this.#app = app;
    this.#answer = answer;
    this.#visits = {
      balance,
      tunnelKey: randomUUID(),
      onFailure: (c, exchange, error) => this.#answerFailure(c, exchange, error),
    };
    this.#table = new RouteTable<Entry>([
      balanceLast,
      { basePath: '/', path: '/*', method: 'ALL', handler: balanceLast },
    ]);
    for (const route of app.routes) this.#table.add(route.method, route.path, [route.handler, route]);
    app.router = this.#table;
    this.#fallbackApp.all('*', (c) => this.#fallback!(c, c.env.exchange.error!));
  }

  setFallback(handler: FallbackHandler): void {
    this.#fallback = handler;
  }

  /** False: nothing of the user's matches, the exchange was not touched. */
  handle(exchange: Exchange): boolean {
    const { target } = exchange;
    const glance = this.#table.glance(target);
    // `OPTIONS *` is about the server, not about a path.
    if (glance === NO || target.charCodeAt(0) !== 0x2f) return false;
    return this.#look(exchange, glance);
  }

  #look(exchange: Exchange, glance: number): boolean {
    const { target } = exchange;
    const table = this.#table;
    const method = exchange.method === 'HEAD' ? 'GET' : methodOf(exchange);
    const query = target.indexOf('?');
    let path = query < 0 ? target : target.slice(0, query);
    let url: string | null = null;
    if (glance === UNCLEAR) {
      url = urlOf(exchange);
      if (url !== null) path = this.#app.getPath({ url } as Request);
    }
    const own = table.own(method, path);
    if (glance === UNCLEAR) {
      for (const reading of otherReadings(target)) {
        if (table.own(method, reading).some((entry) => !own.includes(entry))) {
          exchange.fail(new MultiserverError('MS_BAD_TARGET', 'The path can be read in more than one way.'));
          return true;
        }
      }
    }
    if (own.length === 0) return false;
    url ??= urlOf(exchange);
    if (url === null) {
      exchange.fail(new MultiserverError('MS_BAD_HOST'));
      return true;
    }
    const { fetch } = this.#app;
    void new Visit(this.#visits, exchange, url, true).run((request, env) => fetch(request, env));
    return true;
  }

  /** No answer could be had for `exchange`: the fallback's, if it is for this error, else an error answer. */
  onFailed(exchange: Exchange, reply: Reply, error: MultiserverError): void {
    // A reply of a visit comes back through {@link VisitContext.onFailure}, with the middleware's own context.
    const url = reply === exchange && this.#fallback !== null && wasNotTaken(error) ? urlOf(exchange) : null;
    if (url === null) {
      reply.fail(error);
      return;
    }
    exchange.error = error;
    // The body may be on its way to an endpoint already: it is not offered twice.
    const visit = new Visit(this.#visits, exchange, url, false);
    void visit.run((request, env) => this.#fallbackApp.fetch(request, env));
  }

  #answerFailure(c: Context, exchange: Exchange, error: MultiserverError): Response | Promise<Response> {
    exchange.error = error;
    if (this.#fallback !== null && wasNotTaken(error)) return this.#fallback(c, error);
    return responseOf(this.#answer(exchange, error));
  }
}

/** Stands behind the last route of every path. */
function balanceLast(c: Context): Response | Promise<Response> {
  const visit = (c.env as { [VISIT]?: Visit } | undefined)?.[VISIT];
  // A request that came through `app.request()` or `app.fetch()`, as in the user's tests, has no client behind it.
  return visit === undefined ? c.notFound() : visit.balance(c);
}
