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
import { Apps } from './load-balancer/apps.js';
import { AutomaticHttps } from './load-balancer/automatic-https.js';
import { type BalancerEvents, createTell } from './load-balancer/events.js';
import { Pools } from './load-balancer/pools.js';
import {
  type BalancerStatus,
  endpointStatuses,
  poolStatuses,
  VERSION,
  workerStatuses,
} from './load-balancer/status.js';
import {
  type LoadBalancerOptions,
  mergeOptions,
  parseOptions,
  parseSpawnOptions,
  refuseIdle,
  type ResolvedOptions,
  type ResolvedPoolOptions,
  type ServerFactory,
  type SpawnOptions,
} from './options.js';
import type { Bindings } from './proxy/bindings.js';
import type { FallbackHandler } from './proxy/fallback.js';
import type { Interceptable, Station } from './proxy/force-https.js';
import { createErrorPage } from './proxy/error-page.js';
import { errorAnswer, failureAnswer, lastHopAnswer, sendOwnAnswer, textOfAnswer } from './proxy/own-answers.js';
import { OwnRoutes } from './proxy/own-routes.js';
import { PoolStage, type PoolSurroundings } from './proxy/pool-stage.js';
import { createRouteErrorHandler } from './proxy/route-errors.js';
import { Routing } from './proxy/routing.js';
import { createAddressTest, createTrust } from './proxy/trust.js';
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
  readonly #tell = createTell(this.events);
  /** Those of the default pool. */
  readonly endpoints: Endpoints;
  readonly pools: Pools = new Pools((changes) => this.reconfigure(changes));
  /** As the user gave them, changes included. */
  #given: LoadBalancerOptions = {};
  #options: ResolvedOptions;
  readonly #stage: PoolStage;
  #stages: ReadonlyMap<string, PoolStage> = new Map();
  /** Of pools that were taken away, until their last request has ended. */
  readonly #leaving = new Set<PoolStage>();
  readonly #hits = noHits();
  readonly #routing = new Routing(now, this.#hits, (message, error) => this.#problem(message, error));
  readonly #listener: Listener;
  #trust: (exchange: Exchange) => void;
  readonly #ticker: NodeJS.Timeout;
  readonly #certificateTicker: NodeJS.Timeout | undefined;
  readonly #automaticHttps: AutomaticHttps | undefined;
  readonly #apps: Apps = new Apps(this.#tell, (message, error) => this.#problem(message, error));
  readonly #stations: Station[] = [];
  readonly #ownRoutes: OwnRoutes;
  readonly #addresses: BoundAddress[] = [];
  readonly #startedAt = new Date();
  readonly #surroundings: PoolSurroundings = {
    sources: { now, random: Math.random },
    hits: this.#hits,
    onChange: (endpoint, from, to, reason) => this.#changed(endpoint, from, to, reason),
    onProblem: (message, error) => this.#problem(message, error),
    onFailed: (exchange, reply, error) => this.#ownRoutes.onFailed(exchange, reply, error),
  };
  #requests = 0;
  readonly #errors: Partial<Record<ErrorCode, number>> = {};
  #closing: Promise<void> | null = null;

  constructor(options: LoadBalancerOptions = {}) {
    super();
    const resolved = this.#apply(options);
    this.#options = resolved;
    this.#trust = createTrust(resolved.trustedProxies);
    this.#stage = this.#stages.get('default')!;
    this.endpoints = this.#stage.endpoints;
    // Routes are the same whatever environment they name.
    const page = createErrorPage(() => this.#options.errorPage, now, this.#surroundings.onProblem);
    const answer = (exchange: Exchange, error: MultiserverError) => failureAnswer(exchange, error, page);
    const balance = (exchange: Exchange, reply: Reply) => this.#forward(exchange, reply);
    this.onError(createRouteErrorHandler(answer, this.#surroundings.onProblem));
    this.#ownRoutes = new OwnRoutes(this as unknown as Hono, balance, answer);
    const { acme, ...https } = resolved.https;
    if (acme.domains.length > 0) {
      const onProblem = (message: string, error?: unknown) => this.#problem(message, error);
      this.#automaticHttps = new AutomaticHttps(acme, { tell: this.#tell, addresses: this.#addresses, onProblem });
      this.#stations.push(this.#automaticHttps.station);
    }
    const certificates = [...https.certificates, ...(this.#automaticHttps?.sources ?? [])];
    this.#listener = new Listener({
      ...headLimits(resolved),
      ...resolved,
      https: certificates.length === 0 ? undefined : { ...https, certificates, wallClock: Date.now },
      isProxy: createAddressTest(resolved.trustedProxies),
      bodyRateGrace: 10_000,
      hits: this.#hits,
      now,
      onExchange: (exchange) => this.#route(exchange),
      onRefused: (exchange, error) => sendOwnAnswer(exchange, answer(exchange, error), exchange.method),
      onExchangeEnd: (exchange) => {
        if (exchange.error !== null) this.#count(exchange.error.code);
      },
      onBadProxyHeader: () => this.#count('MS_BAD_PROXY_HEADER'),
      refusal: (code) => {
        this.#count(code);
        return textOfAnswer(errorAnswer(null, code, undefined, page));
      },
      onProblem: (message, error) => this.#problem(message, error),
    });
    // After sockets were read: when this process was held up, what has come meanwhile is not late.
    this.#ticker = setInterval(() => setImmediate(() => this.#tick()), TICK).unref();
    this.#certificateTicker =
      certificates.length === 0
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
   * One that listens by servers of yours, in all they can that its own cannot: `(serve) => tls.createServer({ …, requestCert: true }, serve)`.
   * `createServer` is called for each address that is listened on; every connection that is given to `serve` is balanced, as HTTPS where it
   * is a `TLSSocket`.
   */
  static custom(createServer: ServerFactory, options: LoadBalancerOptions = {}): LoadBalancer {
    return new LoadBalancer({ ...options, createServer });
  }

  /**
   * Changes options while it runs: those that are given, within groups such as `queue` too; `undefined` is the default again. Nothing is
   * dropped: what is in progress or waits in the queue stays, and goes on by the options it began with where it matters.
   * @throws MultiserverError MS_INVALID_OPTION, and nothing is changed.
   */
  reconfigure(changes: LoadBalancerOptions): this {
    const { https: _, ...options } = (this.#options = this.#apply(mergeOptions(this.#given, changes), changes));
    this.#trust = createTrust(options.trustedProxies);
    const isProxy = createAddressTest(options.trustedProxies);
    this.#listener.configure({ ...headLimits(options), ...options, isProxy });
    return this;
  }

  /** Pools and routes as the options want them. All that may be refused comes first, and then all that changes. */
  #apply(given: LoadBalancerOptions, written = given): ResolvedOptions {
    const options = parseOptions(given);
    refuseIdle(written, options);
    const heads = headLimits(options);
    const stages = new Map<string, PoolStage>();
    const changes: (() => void)[] = [];
    for (const [name, pool] of Object.entries<ResolvedPoolOptions>({ default: options, ...options.pools })) {
      const stage = this.#stages.get(name) ?? new PoolStage(name, pool, heads, this.#surroundings);
      stages.set(name, stage);
      changes.push(stage.prepare(pool, heads));
    }
    const removed = [...this.#stages.values()].filter(({ pool }) => !stages.has(pool.name));
    for (const { pool, workers } of removed) {
      if (workers.isStaffed)
        throw new MultiserverError(
          'MS_INVALID_OPTION',
          `Option "pools": "${pool.name}" cannot be taken away, workers of a spawned app are its endpoints.`,
        );
    }
    this.#routing.configure(options, stages);
    this.#given = { ...given };
    this.#stages = stages;
    this.pools.keep(stages);
    for (const change of changes) change();
    for (const stage of removed) if (!stage.leave()) this.#leaving.add(stage);
    return options;
  }

  get #allStages(): PoolStage[] {
    return [...this.#stages.values(), ...this.#leaving];
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
    const { pool, ...resolved } = parseSpawnOptions(options);
    return this.#apps.spawn(app, resolved, this.#publicPort(), this.#stageOf(pool).workers);
  }

  /**
   * Starts every spawned app anew, one worker after another, each taking over once it is ready; no request is lost. Certificates are read
   * again, too. Resolves with the new workers' endpoints.
   * @throws MultiserverError MS_WORKER_START_FAILED when a new worker does not get ready: that one and those after it stay as they were.
   */
  async reload(): Promise<Endpoint[]> {
    this.reloadCertificates();
    return this.#apps.reload();
  }

  /**
   * Runs the spawned app on `count` workers from now on, or on so many more or less: `'+2'`, `'-1'`. Resolves with the endpoints of all
   * when the new ones are ready, or the ones too many have ended their requests and are gone.
   * @throws MultiserverError MS_INVALID_OPTION, MS_NOT_RUNNING without a spawned app, MS_WORKER_START_FAILED: then all is as before.
   */
  async scale(count: number | string): Promise<Endpoint[]> {
    return this.#apps.scale(count);
  }

  /**
   * Listens on each address: a port, `'127.0.0.1:3000'`, `'unix:/path'`, `'fd:3'`; none: where the spawned app asked to. Resolves with
   * the addresses that were bound (port 0: a free one).
   * @throws MultiserverError MS_LISTEN_FAILED
   */
  async listen(...where: (number | string | ListenAddress)[]): Promise<BoundAddress[]> {
    await Promise.all([...this.#stages.values()].map((stage) => stage.ready()));
    const addresses = where.length === 0 ? [this.#apps.requested()] : where.map(parseListenAddress);
    if (this.#options.trustedProxies.length === 0 && addresses.some(({ proxyProtocol }) => proxyProtocol))
      throw new MultiserverError('MS_INVALID_OPTION', 'listen: "proxyProtocol" needs the option "trustedProxies".');
    const bound: BoundAddress[] = [];
    for (const address of addresses) bound.push(await this.#listener.listen(address));
    this.#addresses.push(...bound);
    const port = this.#publicPort();
    if (port !== undefined) this.#apps.setPublicPort(port);
    this.#tell('boot', bound);
    this.#automaticHttps?.start(this.#listener);
    return bound;
  }

  #stageOf(pool: string): PoolStage {
    const stage = this.#stages.get(pool);
    if (stage !== undefined) return stage;
    const known = [...this.#stages.keys()].join(', ');
    throw new MultiserverError('MS_INVALID_OPTION', `There is no pool "${pool}"; there are: ${known}.`);
  }

  #publicPort(): number | undefined {
    for (const address of this.#addresses) if ('port' in address) return address.port;
    return undefined;
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
      this.#apps.kill();
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
    const ordered = this.#automaticHttps?.close();
    const closed = this.#listener.close();
    for (const stage of this.#allStages) stage.drain(timeout);
    await closed;
    clearTimeout(timer);
    await ordered;
    await this.#apps.stop(timeout);
    for (const stage of this.#allStages) stage.close();
    clearInterval(this.#ticker);
    clearInterval(this.#certificateTicker);
  }

  /** How it stands: plain data, as `multiserver status --json` prints it. */
  status(): BalancerStatus {
    const pools = poolStatuses(this.#stages.values());
    const all = [...pools, ...poolStatuses(this.#leaving)];
    return {
      version: VERSION,
      pid: process.pid,
      startedAt: this.#startedAt.toISOString(),
      addresses: this.#addresses,
      algorithm: this.#stage.pool.algorithm.name ?? 'own',
      requests: this.#requests,
      inFlight: all.reduce((sum, { inFlight }) => sum + inFlight, 0),
      queued: all.reduce((sum, { queued }) => sum + queued, 0),
      connections: this.#listener.connections.size,
      errors: { ...this.#errors },
      limits: { ...this.#hits },
      pools,
      endpoints: endpointStatuses(this.#allStages, this.#apps.workers),
      workers: workerStatuses(this.#apps.workers),
    };
  }

  #tick(): void {
    const time = now();
    this.#listener.tick(time);
    for (const stage of this.#allStages) stage.tick(time);
    for (const stage of this.#leaving) if (stage.leave()) this.#leaving.delete(stage);
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
    if (last === undefined) this.#routing.forward(exchange, reply);
    else sendOwnAnswer(reply, last, exchange.method);
  }

  // ---- what happens

  #count(code: ErrorCode): void {
    this.#errors[code] = (this.#errors[code] ?? 0) + 1;
  }

  #problem(message: string, error?: unknown): void {
    this.#tell('problem', message, error);
  }

  #changed(endpoint: Endpoint, from: EndpointState, to: EndpointState, reason: string): void {
    this.#tell('change', endpoint, { from, to, reason });
    if (to === 'ready') this.#tell('ready', endpoint);
    else if (to === 'ejected') this.#tell('eject', endpoint, { reason });
    else if (to === 'draining') this.#tell('drain', endpoint);
  }
}

function headLimits({ maxHeadSize, maxFields, maxTargetSize }: Omit<ResolvedOptions, 'https'>): HeadLimits {
  return { maxHeadSize, maxFields, maxTargetSize };
}
