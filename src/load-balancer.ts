import { EventEmitter } from 'node:events';
import { Hono } from 'hono';
import type { Endpoints } from './balance/endpoints.js';
import { type Endpoint, type EndpointState, ROUND_ROBIN } from './balance/index.js';
import type { AlgorithmLike } from './contracts/algorithm.js';
import { type ErrorCode, MultiserverError } from './errors.js';
import type { Exchange, Reply } from './exchange.js';
import type { HeadLimits } from './http1/head-parser.js';
import { type BoundAddress, type ListenAddress, parseListenAddress } from './listener/address.js';
import { Listener } from './listener/listener.js';
import type { BalancerEvents } from './load-balancer/events.js';
import { type BalancerStatus, endpointStatuses, VERSION } from './load-balancer/status.js';
import {
  type LoadBalancerOptions,
  mergeOptions,
  parseOptions,
  parseSpawnOptions,
  type ResolvedOptions,
  type SpawnOptions,
} from './options.js';
import type { Bindings } from './proxy/bindings.js';
import type { FallbackHandler } from './proxy/fallback.js';
import type { Interceptable, Station } from './proxy/force-https.js';
import { errorAnswer, lastHopAnswer, sendOwnAnswer } from './proxy/own-answers.js';
import { OwnRoutes } from './proxy/own-routes.js';
import { PoolStage } from './proxy/pool-stage.js';
import { createTrust } from './proxy/trust.js';
import { parseCount } from './supervisor/count.js';
import { Supervisor, type WorkerView } from './supervisor/supervisor.js';
import { now } from './util/clock.js';
import { type Duration, parseDuration } from './util/duration.js';
import { noHits } from './util/limits.js';

/** How often time-outs are looked at, ms: what they may come too late. */
const TICK = 100;
/** How often files of certificates are looked at, ms. */
const CERTIFICATE_TICK = 5000;

/**
 * Sends each request to the best of its endpoints, and is an app of its own: routes and middleware given to it come first, every other
 * request passes them by.
 */
export class LoadBalancer extends Hono<{ Bindings: Bindings }> implements Interceptable {
  readonly events: EventEmitter<BalancerEvents> = new EventEmitter();
  readonly endpoints: Endpoints;
  /** As the user gave them, changes included. */
  #given: LoadBalancerOptions;
  #options: ResolvedOptions;
  readonly #stage: PoolStage;
  readonly #listener: Listener;
  #trust: (exchange: Exchange) => void;
  readonly #ticker: NodeJS.Timeout;
  readonly #certificateTicker: NodeJS.Timeout | undefined;
  readonly #supervisors: Supervisor[] = [];
  readonly #stations: Station[] = [];
  readonly #ownRoutes: OwnRoutes;
  readonly #addresses: BoundAddress[] = [];
  readonly #startedAt = new Date();
  #requests = 0;
  readonly #errors: Partial<Record<ErrorCode, number>> = {};
  readonly #hits = noHits();
  #closing: Promise<void> | null = null;

  constructor(options: LoadBalancerOptions = {}) {
    super();
    const resolved = parseOptions(options);
    this.#given = { ...options };
    this.#options = resolved;
    this.#trust = createTrust(resolved.trustedProxies);
    const heads = headLimits(resolved);
    this.#stage = new PoolStage(resolved, {
      sources: { now, random: Math.random },
      heads,
      hits: this.#hits,
      onChange: (endpoint, from, to, reason) => this.#changed(endpoint, from, to, reason),
      onProblem: (message, error) => this.#problem(message, error),
      onFailed: (exchange, reply, error) => this.#ownRoutes.onFailed(exchange, reply, error),
    });
    this.endpoints = this.#stage.endpoints;
    // Routes are the same whatever environment they name.
    this.#ownRoutes = new OwnRoutes(this as unknown as Hono, (exchange, reply) => this.#forward(exchange, reply));
    this.#listener = new Listener({
      ...heads,
      ...resolved,
      https:
        resolved.https.certificates.length === 0
          ? undefined
          : {
              ...resolved.https,
              wallClock: Date.now,
              onProblem: (message, error) => this.#problem(message, error),
            },
      bodyRateGrace: 10_000,
      hits: this.#hits,
      now,
      onExchange: (exchange) => this.#route(exchange),
      onRefused: (exchange, error) => sendOwnAnswer(exchange, errorAnswer(exchange, error.code), exchange.method),
      onExchangeEnd: (exchange) => {
        if (exchange.error !== null) this.#count(exchange.error.code);
      },
    });
    this.#ticker = setInterval(() => this.#tick(), TICK).unref();
    this.#certificateTicker =
      resolved.https.certificates.length === 0
        ? undefined
        : setInterval(() => this.#listener.refreshCertificates(false), CERTIFICATE_TICK).unref();
  }

  /**
   * One that listens for HTTPS: certificate with its chain, and private key, as PEM or as paths of files.
   * @throws MultiserverError MS_BAD_CERTIFICATE
   */
  static secure(cert: string | Buffer, key: string | Buffer, options: LoadBalancerOptions = {}): LoadBalancer {
    return new LoadBalancer({ ...options, https: { ...options.https, cert, key } });
  }

  /**
   * Changes options while it runs: those that are given, within groups such as `queue` too; `undefined` is the default again. Nothing is
   * dropped: what is in progress or waits in the queue stays, and goes on by the options it began with where it matters.
   * @throws MultiserverError MS_INVALID_OPTION, and nothing is changed.
   */
  reconfigure(changes: LoadBalancerOptions): this {
    const given = mergeOptions(this.#given, changes);
    const options = parseOptions(given);
    const { https: _, ...front } = options;
    const heads = headLimits(options);
    this.#given = given;
    this.#options = options;
    this.#trust = createTrust(options.trustedProxies);
    this.#stage.configure(options, heads);
    this.#listener.configure({ ...heads, ...front });
    return this;
  }

  /** Which endpoint gets a request; may be set while it runs. */
  get algorithm(): AlgorithmLike {
    return this.#options.algorithm ?? ROUND_ROBIN;
  }

  set algorithm(algorithm: AlgorithmLike) {
    this.reconfigure({ algorithm });
  }

  /**
   * Runs an app on workers: a file or folder of a Node app, or a command and its arguments. Resolves with their endpoints when all are
   * ready; crashed workers come back by themselves.
   * @throws MultiserverError MS_WORKER_START_FAILED, with the last lines of its standard error, when one does not get ready.
   */
  async spawn(app: string | readonly string[], options: SpawnOptions = {}): Promise<Endpoint[]> {
    const { readyPath, cwd, ...resolved } = parseSpawnOptions(options);
    const publicPort = this.#publicPort();
    const { workers } = this.#stage;
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
      return this.#endpointsOf(await supervisor.start());
    } catch (error) {
      this.#supervisors.splice(this.#supervisors.indexOf(supervisor), 1);
      throw error;
    }
  }

  /**
   * Starts every spawned app anew, one worker after another, each taking over once it is ready; no request is lost. Certificates are read
   * again, too. Resolves with the new workers' endpoints.
   * @throws MultiserverError MS_WORKER_START_FAILED when a new worker does not get ready: that one and those after it stay as they were.
   */
  async reload(): Promise<Endpoint[]> {
    this.reloadCertificates();
    const endpoints: Endpoint[] = [];
    for (const supervisor of this.#supervisors) endpoints.push(...this.#endpointsOf(await supervisor.reload()));
    return endpoints;
  }

  /**
   * Runs the spawned app on `count` workers from now on, or on so many more or less: `'+2'`, `'-1'`. Resolves with the endpoints of all
   * when the new ones are ready, or the ones too many have ended their requests and are gone.
   * @throws MultiserverError MS_INVALID_OPTION, MS_NOT_RUNNING without a spawned app, MS_WORKER_START_FAILED: then all is as before.
   */
  async scale(count: number | string): Promise<Endpoint[]> {
    const [supervisor, ...more] = this.#supervisors;
    if (supervisor === undefined) throw new MultiserverError('MS_NOT_RUNNING', 'There is no spawned app to scale.');
    if (more.length > 0)
      throw new MultiserverError('MS_UNSUPPORTED', 'Several apps were spawned: it is not clear which to scale.');
    return this.#endpointsOf(await supervisor.scale(parseCount(count, supervisor.workers.length)));
  }

  #endpointsOf(workers: readonly WorkerView[]): Endpoint[] {
    return workers.map((worker) => this.#stage.workers.get(worker)).filter((endpoint) => endpoint !== undefined);
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

  /** Reads certificates and ticket keys again; those whose files have changed are also noticed without it, within seconds. */
  reloadCertificates(): void {
    this.#listener.refreshCertificates(true);
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
    const closed = this.#listener.close();
    this.#stage.drain(timeout);
    await closed;
    clearTimeout(timer);
    await Promise.all(this.#supervisors.map((supervisor) => supervisor.stop(timeout)));
    this.#stage.close();
    clearInterval(this.#ticker);
    clearInterval(this.#certificateTicker);
  }

  /** How it stands: plain data, as `multiserver status --json` prints it. */
  status(): BalancerStatus {
    return {
      version: VERSION,
      pid: process.pid,
      startedAt: this.#startedAt.toISOString(),
      addresses: this.#addresses,
      algorithm: this.#stage.pool.algorithm.name ?? 'own',
      requests: this.#requests,
      inFlight: this.#stage.pool.inFlight,
      queued: this.#stage.queued,
      connections: this.#listener.connections.size,
      errors: { ...this.#errors },
      limits: { ...this.#hits },
      endpoints: endpointStatuses(
        this.#stage,
        this.#supervisors.flatMap(({ workers }) => workers),
      ),
    };
  }

  #tick(): void {
    const time = now();
    this.#listener.tick(time);
    this.#stage.tick(time);
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
    if (last === undefined) this.#stage.forward(exchange, reply);
    else sendOwnAnswer(reply, last, exchange.method);
  }

  // ---- what happens

  #count(code: ErrorCode): void {
    this.#errors[code] = (this.#errors[code] ?? 0) + 1;
  }

  #problem(message: string, error?: unknown): void {
    if (!this.events.emit('problem', message, error)) process.emitWarning(message, { code: 'MS_PROBLEM' });
  }

  #changed(endpoint: Endpoint, from: EndpointState, to: EndpointState, reason: string): void {
    this.events.emit('change', endpoint, { from, to, reason });
    if (to === 'ready') this.events.emit('ready', endpoint);
    else if (to === 'ejected') this.events.emit('eject', endpoint, { reason });
    else if (to === 'draining') this.events.emit('drain', endpoint);
  }
}

function headLimits({ maxHeadSize, maxFields, maxTargetSize }: ResolvedOptions): HeadLimits {
  return { maxHeadSize, maxFields, maxTargetSize, relaxedTargets: false };
}
