import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import { Hono } from 'hono';
import { Admission, type Endpoint, type EndpointState, Pool, ROUND_ROBIN } from './balance/index.js';
import { Endpoints } from './balance/endpoints.js';
import { RetryBudget } from './balance/limits/retry-budget.js';
import { MultiserverError } from './errors.js';
import type { Exchange, Reply } from './exchange.js';
import { type BoundAddress, type ListenAddress, parseListenAddress } from './listener/address.js';
import { Listener } from './listener/listener.js';
import {
  type LoadBalancerOptions,
  parseOptions,
  parseSpawnOptions,
  type ResolvedOptions,
  type SpawnOptions,
} from './options.js';
import type { Bindings } from './proxy/bindings.js';
import type { FallbackHandler } from './proxy/fallback.js';
import type { Interceptable, Station } from './proxy/force-https.js';
import { Forwarding, type ForwardingContext } from './proxy/forwarding.js';
import { errorAnswer, lastHopAnswer, sendOwnAnswer } from './proxy/own-answers.js';
import { OwnRoutes } from './proxy/own-routes.js';
import { createTrust } from './proxy/trust.js';
import { WorkerEndpoints } from './proxy/worker-endpoints.js';
import { Supervisor, type WorkerView } from './supervisor/supervisor.js';
import { Upstream } from './upstream/connections.js';
import { type Duration, parseDuration } from './util/duration.js';

/** What {@link LoadBalancer.events} emits. */
export interface BalancerEvents {
  /** It listens. */
  boot: [addresses: readonly BoundAddress[]];
  /** An endpoint takes requests. */
  ready: [endpoint: Endpoint];
  /** An endpoint failed too often and takes no requests for a while. */
  eject: [endpoint: Endpoint, detail: { reason: string }];
  /** An endpoint takes no new requests and ends those in progress. */
  drain: [endpoint: Endpoint];
  /** Every change of an endpoint's state, those above included. */
  change: [endpoint: Endpoint, detail: { from: EndpointState; to: EndpointState; reason: string }];
  /** A worker ended by itself; it is started again. */
  crash: [worker: WorkerView, detail: { code: number | null; signal: string | null; stderr: string }];
  /** A line that a worker wrote. */
  output: [worker: WorkerView, stream: 'stdout' | 'stderr', line: string];
  /** Something of the user's own, such as an algorithm, did what it must not; no request was lost by it. */
  problem: [message: string, error?: unknown];
}

/** What `status()` and `multiserver status` tell. */
export interface BalancerStatus {
  readonly version: string;
  readonly pid: number;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly addresses: readonly BoundAddress[];
  readonly algorithm: string;
  /** Requests since the start. */
  readonly requests: number;
  readonly inFlight: number;
  readonly queued: number;
  /** Connections of clients. */
  readonly connections: number;
  readonly endpoints: readonly EndpointStatus[];
}

export interface EndpointStatus {
  readonly id: string;
  readonly url: string;
  readonly state: EndpointState;
  readonly weight: number;
  readonly inFlight: number;
  readonly requests: number;
  readonly failures: number;
  /** Of an own worker; else null. */
  readonly pid: number | null;
  readonly slot: number | null;
  readonly restarts: number | null;
}

const now = (): number => performance.now();

/** How often time-outs are looked at, ms: what they may come too late. */
const TICK = 100;

/**
 * Sends each request to the best of its endpoints, and is an app of its own: routes and middleware given to it come first, every other
 * request passes them by.
 */
export class LoadBalancer extends Hono<{ Bindings: Bindings }> implements Interceptable {
  readonly events: EventEmitter<BalancerEvents> = new EventEmitter();
  readonly endpoints: Endpoints;
  readonly #options: ResolvedOptions;
  readonly #pool: Pool;
  readonly #upstream: Upstream;
  readonly #listener: Listener;
  readonly #admission: Admission;
  readonly #context: ForwardingContext;
  readonly #trust: (exchange: Exchange) => void;
  readonly #ticker: NodeJS.Timeout;
  readonly #workers: WorkerEndpoints;
  readonly #supervisors: Supervisor[] = [];
  readonly #stations: Station[] = [];
  readonly #ownRoutes: OwnRoutes;
  readonly #addresses: BoundAddress[] = [];
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
        onProblem: (message, error) => this.#problem(message, error),
      },
      { now, random: Math.random },
    );
    this.endpoints = new Endpoints(this.#pool);
    this.#workers = new WorkerEndpoints(this.#pool);
    const heads = {
      maxHeadSize: resolved.maxHeadSize,
      maxFields: resolved.maxFields,
      maxTargetSize: resolved.maxTargetSize,
      relaxedTargets: false,
    };
    const upstream = new Upstream({ ...heads, ...resolved, now });
    this.#upstream = upstream;
    const queueTimeout = Math.min(resolved.queue.timeout, resolved.timeout);
    this.#admission = new Admission(
      { limit: resolved.maxConcurrentConnections, size: resolved.queue.size, timeout: queueTimeout },
      now,
    );
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
      onFailed: (exchange, reply, error) => this.#ownRoutes.onFailed(exchange, reply, error),
    };
    // Routes are the same whatever environment they name.
    this.#ownRoutes = new OwnRoutes(this as unknown as Hono, (exchange, reply) => this.#forward(exchange, reply));
    this.#listener = new Listener({
      ...heads,
      ...resolved,
      bodyRateGrace: 10_000,
      now,
      onExchange: (exchange) => this.#route(exchange),
      onRefused: (exchange, error) => sendOwnAnswer(exchange, errorAnswer(exchange, error.code), exchange.method),
      onExchangeEnd: () => {},
    });
    this.#ticker = setInterval(() => this.#tick(), TICK).unref();
  }

  /**
   * Runs an app on workers: a file or folder of a Node app, or a command and its arguments. Resolves with their endpoints when all are
   * ready; crashed workers come back by themselves.
   * @throws MultiserverError MS_WORKER_START_FAILED, with the last lines of its standard error, when one does not get ready.
   */
  async spawn(app: string | readonly string[], options: SpawnOptions = {}): Promise<Endpoint[]> {
    const { readyPath, cwd, ...resolved } = parseSpawnOptions(options);
    const publicPort = this.#publicPort();
    const workers = this.#workers;
    const supervisor = new Supervisor(
      {
        ...(typeof app === 'string' ? { app } : { command: app }),
        ...resolved,
        ...(cwd === undefined ? {} : { cwd }),
        ...(readyPath === undefined ? {} : { readyPath }),
        ...(publicPort === undefined ? {} : { publicPort }),
      },
      {
        onReady: (worker) => workers.onReady(worker),
        onDown: (worker) => workers.onDown(worker),
        onCrash: (worker, info) => this.events.emit('crash', worker, info),
        onOutput: (worker, stream, line) => this.events.emit('output', worker, stream, line),
      },
    );
    this.#supervisors.push(supervisor);
    try {
      const started = await supervisor.start();
      return started.map((worker) => workers.get(worker)).filter((endpoint) => endpoint !== undefined);
    } catch (error) {
      this.#supervisors.splice(this.#supervisors.indexOf(supervisor), 1);
      throw error;
    }
  }

  /**
   * Listens on each address: a port, `'127.0.0.1:3000'`, `'unix:/path'`, `'fd:3'`; none: where the spawned app asked to. Resolves with
   * the addresses that were bound (port 0: a free one).
   * @throws MultiserverError MS_LISTEN_FAILED
   */
  async listen(...where: (number | string | ListenAddress)[]): Promise<BoundAddress[]> {
    const addresses = where.length === 0 ? [this.#requested()] : where.map(parseListenAddress);
    const bound: BoundAddress[] = [];
    for (const address of addresses) bound.push(await this.#listener.listen(address));
    this.#addresses.push(...bound);
    const port = this.#publicPort();
    if (port !== undefined) for (const supervisor of this.#supervisors) supervisor.setPublicPort(port);
    this.events.emit('boot', bound);
    return bound;
  }

  #publicPort(): number | undefined {
    for (const address of this.#addresses) if ('port' in address) return address.port;
    return undefined;
  }

  /** What the app asked to listen on. */
  #requested(): ListenAddress {
    for (const supervisor of this.#supervisors) {
      for (const { requested } of supervisor.workers) {
        if (requested === null) continue;
        const { host, port } = requested;
        return host === undefined ? { port } : { host, port };
      }
    }
    throw new MultiserverError(
      'MS_INVALID_OPTION',
      'There is no address to listen on: the app asked for none. Give one: listen(3000), or -p 3000 on the command line.',
    );
  }

  /** Lets a plug-in set itself up. */
  configure(plugin: (balancer: this) => void): this {
    plugin(this);
    return this;
  }

  /**
   * Answers the requests that no endpoint could take; the second argument says why. Called again, it replaces the handler.
   * See {@link serviceUnavailable}.
   */
  fallback(handler: FallbackHandler): this {
    this.#ownRoutes.setFallback(handler);
    return this;
  }

  /** For plug-ins: `station` sees every exchange before own routes and balancing, in the order of the calls. */
  intercept(station: Station): this {
    this.#stations.push(station);
    return this;
  }

  /**
   * Stops accepting, lets the exchanges in progress end (at most `timeout`, default 30 s), then ends everything. A second call ends at once.
   */
  close(options: { timeout?: Duration } = {}): Promise<void> {
    if (this.#closing !== null) {
      this.#listener.destroy();
      for (const supervisor of this.#supervisors) supervisor.kill();
      return this.#closing;
    }
    const timeout = parseDuration(options.timeout ?? '30s');
    if (timeout === undefined)
      throw new MultiserverError('MS_INVALID_OPTION', `close: "${options.timeout}" is no duration.`);
    this.#closing = this.#close(timeout);
    return this.#closing;
  }

  async #close(timeout: number): Promise<void> {
    const timer = setTimeout(() => this.#listener.destroy(), timeout);
    await this.#listener.close();
    clearTimeout(timer);
    await Promise.all(this.#supervisors.map((supervisor) => supervisor.stop(timeout)));
    this.#upstream.close();
    clearInterval(this.#ticker);
  }

  /** How it stands: plain data, as `multiserver status --json` prints it. */
  status(): BalancerStatus {
    const workers = new Map(this.#supervisors.flatMap((s) => s.workers.map((worker) => [worker.pid, worker] as const)));
    return {
      version: VERSION,
      pid: process.pid,
      startedAt: this.#startedAt.toISOString(),
      addresses: this.#addresses,
      algorithm: this.#pool.algorithm.name ?? 'own',
      requests: this.#requests,
      inFlight: this.#pool.inFlight,
      queued: this.#admission.queued,
      connections: this.#listener.connections.size,
      endpoints: this.#pool.endpoints.map((endpoint) => {
        const { id, url, state, weight, inFlight, requests, failures } = endpoint;
        const own = endpoint.worker ? { pid: endpoint.pid, slot: endpoint.slot } : { pid: null, slot: null };
        const restarts = endpoint.worker ? (workers.get(endpoint.pid)?.restarts ?? 0) : null;
        return { id, url, state, weight, inFlight, requests, failures, ...own, restarts };
      }),
    };
  }

  #tick(): void {
    const time = now();
    this.#listener.tick(time);
    this.#upstream.tick(time);
    this.#admission.sweep(time);
    this.#pool.advance();
  }

  // ---- the way of a request

  #route(exchange: Exchange): void {
    this.#requests++;
    this.#trust(exchange);
    const { method } = exchange;
    if (method === 'TRACE' && !this.#options.allowTrace) {
      exchange.fail(new MultiserverError('MS_METHOD_NOT_ALLOWED'));
      return;
    }
    for (const station of this.#stations) if (station(exchange)) return;
    if (!this.#ownRoutes.handle(exchange)) this.#forward(exchange, exchange);
  }

  #forward(exchange: Exchange, reply: Reply): void {
    const last = lastHopAnswer(exchange);
    if (last === undefined) new Forwarding(this.#context, exchange, reply).start();
    else sendOwnAnswer(reply, last, exchange.method);
  }

  // ---- what happens

  #problem(message: string, error?: unknown): void {
    if (!this.events.emit('problem', message, error)) process.emitWarning(message, { code: 'MS_PROBLEM' });
  }

  #changed(endpoint: Endpoint, from: EndpointState, to: EndpointState, reason: string): void {
    if (to === 'gone') {
      this.#upstream.release(endpoint);
      this.#workers.onGone(endpoint);
    }
    this.events.emit('change', endpoint, { from, to, reason });
    if (to === 'ready') this.events.emit('ready', endpoint);
    else if (to === 'ejected') this.events.emit('eject', endpoint, { reason });
    else if (to === 'draining') this.events.emit('drain', endpoint);
  }
}

export const VERSION: string = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
).version;
