import type { Server, Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import type { AlgorithmLike, KeyBy } from './contracts/algorithm.js';
import type { DiscoveredEndpoint, Discovery } from './contracts/discovery.js';
import type { ErrorCode } from './errors.js';
import type { Duration } from './util/duration.js';
import type { Rate } from './util/rate.js';
import type { Size } from './util/size.js';

/** What belongs to one pool of endpoints; what is given to the balancer is the default for each of its pools. */
export interface PoolOptions {
  /** Servers that already run, and where to find more. */
  endpoints?: readonly EndpointSource[] | undefined;
  /** Which endpoint gets a request: a constant such as `LEAST_LATENCY`, a `pick` function, or an object with one. */
  algorithm?: AlgorithmLike | undefined;
  /** Exchanges in progress at once; the next one waits in the queue. */
  maxConcurrentConnections?: number | undefined;
  queue?: QueueOptions | undefined;
  /** Requests in progress at one endpoint, long-lived ones apart; when all have so many, the next one waits in the queue. */
  maxConcurrent?: number | undefined;
  /** WebSockets and event streams at once. */
  maxLongLived?: number | undefined;
  /** Over what time WebSockets (status 1001) and event streams (after an event) are ended when their endpoint is drained or in maintenance. */
  drainTime?: Duration | undefined;
  /** In which the weight of an endpoint that joins a working pool, and its limit, grow from 10 % to 100 %. */
  slowStart?: Duration | undefined;
  /** From the request's end to the head of its response, queue and retries included. */
  timeout?: Duration | undefined;
  connectTimeout?: Duration | undefined;
  responseTimeout?: Duration | undefined;
  responseIdleTimeout?: Duration | undefined;
  tunnelIdleTimeout?: Duration | undefined;
  preserveHost?: boolean | undefined;
  forwarded?: boolean | undefined;
  allowUnderscores?: boolean | undefined;
  retries?: RetryOptions | undefined;
  health?: HealthOptions | undefined;
  healthCheck?: HealthCheckOptions | undefined;
  endpointTls?: EndpointTls | undefined;
  /** Version of the PROXY protocol by which endpoints are told the client's address; 0: none. */
  endpointProxyProtocol?: 0 | 1 | 2 | undefined;
}

/** How `https://` endpoints are trusted, and what they are shown. PEM text, its bytes, or the path of a PEM file. */
export interface EndpointTls {
  /** Certificates of the authorities that are trusted instead of the system's. */
  ca?: string | Buffer | undefined;
  /** The name that must be in the endpoint's certificate, if it is not the host of its URL. */
  servername?: string | undefined;
  /** A client certificate, and its private key. */
  cert?: string | Buffer | undefined;
  key?: string | Buffer | undefined;
  passphrase?: string | undefined;
  /** Whatever certificate the endpoint has will do: no protection from somebody in between. */
  insecure?: boolean | undefined;
}

/** What `LoadBalancer` takes. Each option's default, bounds and meaning are its row in `OPTION_ROWS`. */
export interface LoadBalancerOptions extends PoolOptions {
  headTimeout?: Duration | undefined;
  bodyIdleTimeout?: Duration | undefined;
  /** Bytes a second, on average, after the first 10 s; 0: any. */
  minBodyRate?: Size | undefined;
  writeTimeout?: Duration | undefined;
  keepAliveTimeout?: Duration | undefined;
  maxRequestsPerConnection?: number | undefined;
  maxConnections?: number | 'auto' | undefined;
  /** Connections from one address; trusted proxies are not limited. */
  maxConnectionsPerClient?: number | undefined;
  maxHeadSize?: Size | undefined;
  maxFields?: number | undefined;
  maxTargetSize?: Size | undefined;
  maxBodySize?: Size | undefined;
  /** Addresses, CIDR ranges, `'loopback'`, `'linklocal'` or `'uniquelocal'`. */
  trustedProxies?: readonly string[] | undefined;
  /** Whether clients' connections begin with a header of the PROXY protocol, v1 or v2; only `trustedProxies` may connect then. */
  proxyProtocol?: boolean | undefined;
  allowTrace?: boolean | undefined;
  /** Pools beside the default one; each is a list of endpoints, or options, for which the balancer's own are the default. */
  pools?: Readonly<Record<string, PoolOptions | readonly EndpointSource[] | undefined>> | undefined;
  /** Which requests go to which pool, and on what terms. */
  routes?: readonly RouteOptions[] | undefined;
  /** How many requests a client may send; routes may say otherwise. */
  rateLimit?: RateLimitOptions | undefined;
  /** With a certificate it listens for HTTPS wherever an address does not say otherwise. */
  https?: HttpsOptions | undefined;
  /** Makes the servers that listen, in place of the balancer's own and of `https`. See `LoadBalancer.custom`. */
  createServer?: ServerFactory | undefined;
  /** Makes the pages of the balancer's own errors, 4xx and 5xx. */
  errorPage?: ErrorPage | undefined;
}

/** Makes the page of an error; undefined: the built-in one. Status and other fields stay as they are. */
export type ErrorPage = (info: ErrorInfo) => Page | undefined;

export interface Page {
  readonly contentType: string;
  readonly body: string;
}

/** What the page of an error may tell. */
export interface ErrorInfo {
  readonly code: ErrorCode;
  readonly status: number;
  /** Of the status: `Bad Gateway`. */
  readonly reason: string;
  /** One sentence, fit for strangers. */
  readonly message: string;
  /** Empty when the request could not be read. */
  readonly requestId: string;
  /** What the client would rather have, by its Accept field. */
  readonly accepts: 'html' | 'json';
}

/** A server that hands each of its connections to `serve`, after TLS if it speaks that: `(serve) => tls.createServer(options, serve)`. */
export type ServerFactory = (serve: (socket: Socket) => void) => Server;

/** A certificate with its chain, and its private key: PEM text, its bytes, or the path of a PEM file, which is read again when it changes. */
export interface CertificateSource {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
  readonly passphrase?: string | undefined;
}

export interface HttpsOptions extends Partial<CertificateSource> {
  /** More certificates; which one a client gets is told by the names in them (SNI). */
  certificates?: readonly CertificateSource[] | undefined;
  /** An own choice of the TLS context; undefined: by the certificates' names. */
  context?: ((servername: string) => SecureContext | undefined) | undefined;
  handshakeTimeout?: Duration | undefined;
  /** File of the keys that encrypt clients' session tickets. */
  ticketKeys?: string | undefined;
  /** Certificates that are got from an authority, and renewed, without anybody. */
  acme?: AcmeOptions | undefined;
}

/** How an authority looks whether a name is ours: at port 80 by HTTP, or at port 443 by TLS. */
export type AcmeChallenge = 'http-01' | 'tls-alpn-01';

/** Automatic HTTPS (RFC 8555). Whoever uses it agrees to the terms of the authority. */
export interface AcmeOptions {
  /** Names to have certificates for, one each. */
  domains?: readonly string[] | undefined;
  /** Where the authority writes to when something is wrong. */
  email?: string | undefined;
  /** URL of the authority's directory. */
  directory?: string | undefined;
  /** Certificates of the authorities that are trusted for that URL instead of the system's. */
  ca?: string | Buffer | undefined;
  /** Folder of the account's key and the certificates; processes may share it. */
  storage?: string | undefined;
  challenge?: AcmeChallenge | undefined;
  /** After an attempt that failed; times 3 with each more. */
  backoff?: Duration | undefined;
  maxBackoff?: Duration | undefined;
}

/** `http://host:port` or `unix:/path`; the same with its weight and priority; or what finds endpoints and watches them. */
export type EndpointSource = string | DiscoveredEndpoint | Discovery;

/** A rule: requests for this host and path go to this pool. */
export interface RouteOptions {
  /** `example.com`, or `*.example.com` for all names below it. Without it: any host. */
  host?: string | undefined;
  /** `/api/*`, the same as `/api`: this path and all below it. Without it: any path. */
  path?: string | undefined;
  pool?: string | undefined;
  /** In place of the pool's. */
  timeout?: Duration | undefined;
  /** Size of a request body, if that is less than `maxBodySize`. */
  maxBody?: Size | undefined;
  /** In place of the balancer's. */
  rateLimit?: RateLimitOptions | undefined;
}

export interface RateLimitOptions {
  /** Requests a second, or `'100/s' '30/m' '1000/h'`. */
  rate?: Rate | undefined;
  /** Requests that may come at once. */
  burst?: number | 'auto' | undefined;
  /** What tells clients apart. */
  key?: KeyBy | undefined;
}

export interface QueueOptions {
  size?: number | 'auto' | undefined;
  timeout?: Duration | undefined;
}

export interface RetryOptions {
  /** Retries of one request; 0: none. */
  max?: number | undefined;
  /** Share of the requests in progress that may be retries. */
  budget?: number | undefined;
  /** Retries in progress that are always allowed, whatever the budget says. */
  min?: number | undefined;
  /** Doubled with each retry, with full jitter. */
  backoff?: Duration | undefined;
  maxBackoff?: Duration | undefined;
  /** Statuses of endpoints that are retried, for safe methods; 504 also when an endpoint does not answer in time. */
  statuses?: readonly number[] | undefined;
  /** A request with an `Idempotency-Key` may be retried whatever its method. */
  idempotencyKey?: boolean | undefined;
  /** The most of a request body that is kept to be sent again. */
  maxBody?: Size | undefined;
}

export interface HealthOptions {
  /** Consecutive failures that eject an endpoint. */
  failures?: number | undefined;
  /** Times how often in a row it was ejected. */
  ejectTime?: Duration | undefined;
  maxEjectTime?: Duration | undefined;
  /** Statuses that count as failures. */
  statuses?: readonly number[] | undefined;
}

export interface HealthCheckOptions {
  /** What each endpoint is asked for; without it none is asked. */
  path?: string | undefined;
  interval?: Duration | undefined;
  timeout?: Duration | undefined;
  /** Statuses that are good; none: 200 to 399. */
  status?: readonly number[] | undefined;
  /** A text that must be in the body. */
  body?: string | undefined;
  /** Passed checks in a row that bring an endpoint back. */
  rise?: number | undefined;
  /** Failed checks in a row after which it gets no requests. */
  fall?: number | undefined;
}

/** What `spawn` takes beside the app. */
export interface SpawnOptions {
  /** Name of the pool whose endpoints the workers are. */
  pool?: string | undefined;
  count?: number | 'auto' | undefined;
  /** Arguments of the app. */
  args?: readonly string[] | undefined;
  /** Working directory of the workers. */
  cwd?: string | undefined;
  /** Variables added to the environment; they win over `envFile`. */
  env?: Readonly<Record<string, string>> | undefined;
  /** Arguments of `node` itself. */
  nodeArgs?: readonly string[] | undefined;
  envFile?: string | undefined;
  startTimeout?: Duration | undefined;
  stopTimeout?: Duration | undefined;
  /** A worker is ready when this path answers 2xx or 3xx; without it, when it listens. */
  readyPath?: string | undefined;
  /** A worker that listens is ready only when it has called `process.send('ready')`. */
  readySignal?: boolean | undefined;
  /** A worker whose event loop is blocked for longer is killed and started again; 0: never. */
  hangTimeout?: Duration | undefined;
  /** A worker that takes more memory is replaced, without losing a request. */
  maxMemory?: Size | undefined;
  autoscale?: AutoscaleOptions | undefined;
}

/** The number of workers follows how busy their event loops are. */
export interface AutoscaleOptions {
  min?: number | undefined;
  /** 0: the number stays as it is. */
  max?: number | undefined;
}

/** Durations are milliseconds, sizes are bytes, everything is there. */
type Resolved<T> = { readonly [K in keyof T]-?: ResolvedValue<Exclude<T[K], undefined>> };
type ResolvedValue<V> = [V] extends [Duration | Size | 'auto']
  ? number
  : [V] extends [boolean | string | readonly unknown[]]
    ? V
    : Resolved<V>;

export interface ResolvedHttps {
  /** The first is the default. Without any, and without domains of `acme`: no HTTPS. */
  readonly certificates: readonly CertificateSource[];
  readonly context: ((servername: string) => SecureContext | undefined) | undefined;
  readonly handshakeTimeout: number;
  readonly ticketKeys: string | undefined;
  readonly acme: ResolvedAcme;
}

export interface ResolvedAcme {
  /** In lower case; empty: nothing is got from an authority. */
  readonly domains: readonly string[];
  readonly email: string | undefined;
  readonly directory: string;
  readonly ca: string | undefined;
  /** Of this authority alone. */
  readonly storage: string;
  /** Undefined: whichever can be answered. */
  readonly challenge: AcmeChallenge | undefined;
  readonly backoff: number;
  readonly maxBackoff: number;
}

export interface ResolvedRateLimit {
  /** Requests a second. */
  readonly rate: number;
  readonly burst: number;
  readonly key: KeyBy;
}

export interface ResolvedRoute {
  readonly host: string | undefined;
  readonly path: string | undefined;
  readonly pool: string;
  /** Undefined: the pool's. */
  readonly timeout: number | undefined;
  readonly maxBody: number;
  /** Undefined: the balancer's. */
  readonly rateLimit: ResolvedRateLimit | undefined;
}

export interface ResolvedHealthCheck extends Resolved<Omit<HealthCheckOptions, 'path' | 'body'>> {
  readonly path: string | undefined;
  readonly body: string | undefined;
}

type PoolOptionsApart = 'algorithm' | 'endpoints' | 'endpointTls' | 'healthCheck';
export interface ResolvedPoolOptions extends Resolved<Omit<PoolOptions, PoolOptionsApart>> {
  readonly healthCheck: ResolvedHealthCheck;
  readonly endpoints: readonly EndpointSource[];
  readonly endpointTls: EndpointTls;
  /** Undefined: ROUND_ROBIN, which the stage of the pool knows. */
  readonly algorithm: AlgorithmLike | undefined;
}

type OwnOptions = Omit<
  LoadBalancerOptions,
  keyof PoolOptions | 'https' | 'createServer' | 'errorPage' | 'pools' | 'routes' | 'rateLimit'
>;
export interface ResolvedOptions extends ResolvedPoolOptions, Resolved<OwnOptions> {
  /** Those beside the default one, whose options stand beside this. */
  readonly pools: Readonly<Record<string, ResolvedPoolOptions>>;
  readonly routes: readonly ResolvedRoute[];
  readonly rateLimit: ResolvedRateLimit | undefined;
  readonly https: ResolvedHttps;
  readonly createServer: ServerFactory | undefined;
  readonly errorPage: ErrorPage | undefined;
}

type OptionalSpawn = 'cwd' | 'envFile' | 'readyPath' | 'env';
export interface ResolvedSpawnOptions extends Resolved<Omit<SpawnOptions, OptionalSpawn>> {
  readonly cwd: string | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly envFile: string | undefined;
  readonly readyPath: string | undefined;
}
