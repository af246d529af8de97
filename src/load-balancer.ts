import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import { Hono } from 'hono';
import { Admission, type Endpoint, Pool, ROUND_ROBIN } from './balance/index.js';
import { Endpoints } from './balance/endpoints.js';
import { RetryBudget } from './balance/limits/retry-budget.js';
import { MultiserverError } from './errors.js';
import type { Exchange, Reply } from './exchange.js';
import { type ListenAddress, parseListenAddress } from './listener/address.js';
import { Listener } from './listener/listener.js';
import { type LoadBalancerOptions, parseOptions, type ResolvedOptions } from './options.js';
import { Forwarding, type ForwardingContext } from './proxy/forwarding.js';
import { errorAnswer, lastHopAnswer, sendOwnAnswer } from './proxy/own-answers.js';
import { createTrust } from './proxy/trust.js';
import { Upstream } from './upstream/connections.js';
import { type Duration, parseDuration } from './util/duration.js';

const now = (): number => performance.now();

/** How often time-outs are looked at, ms: what they may come too late. */
const TICK = 100;

export class LoadBalancer extends Hono {
  readonly events: EventEmitter = new EventEmitter();
  readonly endpoints: Endpoints;
  readonly #options: ResolvedOptions;
  readonly #pool: Pool;
  readonly #upstream: Upstream;
  readonly #listener: Listener;
  readonly #admission: Admission;
  readonly #context: ForwardingContext;
  readonly #trust: (exchange: Exchange) => void;
  readonly #ticker: NodeJS.Timeout;
  readonly #addresses: ListenAddress[] = [];
  readonly #startedAt = new Date();
  #requests = 0;
  #closing: Promise<void> | null = null;

  constructor(options: LoadBalancerOptions = {}) {
    super();
    const resolved = parseOptions(options);
    this.#options = resolved;
    this.#trust = createTrust(resolved.trustedProxies);
    this.#pool = new Pool(
      {
        algorithm: resolved.algorithm ?? ROUND_ROBIN,
        health: resolved.health,
        onChange: (endpoint, from, to, reason) => this.#changed(endpoint, from, to, reason),
      },
      { now, random: Math.random },
    );
    this.endpoints = new Endpoints(this.#pool);
    const heads = {
      maxHeadSize: resolved.maxHeadSize,
      maxFields: resolved.maxFields,
      maxTargetSize: resolved.maxTargetSize,
      relaxedTargets: false,
    };
    const upstream = new Upstream({ ...heads, ...resolved, now });
    this.#upstream = upstream;
    this.#admission = new Admission({ limit: resolved.maxConcurrentConnections, ...resolved.queue }, now);
    const { retries } = resolved;
    this.#context = {
      ...resolved,
      pool: this.#pool,
      admission: this.#admission,
      budget: new RetryBudget(retries),
      maxRetries: retries.max,
      retryStatuses: retries.statuses,
      retryIdempotencyKey: retries.idempotencyKey,
      maxReplay: retries.maxBody,
      now,
      random: Math.random,
      acquire: (endpoint, handler) => upstream.acquire(endpoint, handler),
      onFailed: (exchange, reply, error) => this.#failed(exchange, reply, error),
    };
    this.#listener = new Listener({
      ...heads,
      ...resolved,
      bodyRateGrace: 10_000,
      now,
      onExchange: (exchange) => this.#balance(exchange),
      onRefused: (exchange, error) => sendOwnAnswer(exchange, errorAnswer(exchange, error.code), exchange.method),
      onExchangeEnd: () => {},
    });
    this.#ticker = setInterval(() => this.#tick(), TICK).unref();
  }

  /** Listens on each address; resolves with those that were bound (port 0: a free one). */
  async listen(...where: (number | string | ListenAddress)[]): Promise<ListenAddress[]> {
    const addresses = where.map(parseListenAddress);
    const bound: ListenAddress[] = [];
    for (const address of addresses) bound.push(await this.#listener.listen(address));
    this.#addresses.push(...bound);
    this.events.emit('boot', bound);
    return bound;
  }

  /** Lets a plug-in set itself up. */
  configure(plugin: (balancer: this) => void): this {
    plugin(this);
    return this;
  }

  /**
   * Stops accepting, lets the exchanges in progress end (at most `timeout`, default 30 s), then ends everything. A second call ends at once.
   */
  close(options: { timeout?: Duration } = {}): Promise<void> {
    if (this.#closing !== null) {
      this.#listener.destroy();
      return this.#closing;
    }
    const timeout = parseDuration(options.timeout ?? '30s');
    if (timeout === undefined) throw new MultiserverError('MS_INVALID_OPTION', `close: "${options.timeout}" is no duration.`);
    this.#closing = this.#close(timeout);
    return this.#closing;
  }

  async #close(timeout: number): Promise<void> {
    const timer = setTimeout(() => this.#listener.destroy(), timeout);
    await this.#listener.close();
    clearTimeout(timer);
    this.#upstream.close();
    clearInterval(this.#ticker);
  }

  #tick(): void {
    const time = now();
    this.#listener.tick(time);
    this.#upstream.tick(time);
    this.#admission.sweep(time);
    this.#pool.advance();
  }

  // ---- the way of a request

  #balance(exchange: Exchange): void {
    this.#requests++;
    this.#trust(exchange);
    const { method } = exchange;
    if (method === 'CONNECT' || (method === 'TRACE' && !this.#options.allowTrace)) {
      exchange.fail(new MultiserverError('MS_METHOD_NOT_ALLOWED'));
      return;
    }
    const last = lastHopAnswer(exchange);
    if (last !== undefined) sendOwnAnswer(exchange, last, method);
    else new Forwarding(this.#context, exchange, exchange).start();
  }

  #failed(_exchange: Exchange, reply: Reply, error: MultiserverError): void {
    reply.fail(error);
  }

  #changed(endpoint: Endpoint, from: string, to: string, reason: string): void {
    if (to === 'gone') this.#upstream.release(endpoint);
    this.events.emit('change', endpoint, { from, to, reason });
    if (to === 'ready') this.events.emit('ready', endpoint);
    else if (to === 'ejected') this.events.emit('eject', endpoint, { reason });
    else if (to === 'draining') this.events.emit('drain', endpoint);
  }
}

export const VERSION: string = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
).version;
