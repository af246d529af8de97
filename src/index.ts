/** Balances requests over endpoints; an app of its own (Hono). */
export { LoadBalancer } from './load-balancer.js';
export { defineConfig, type MultiserverConfig } from './load-balancer/config.js';
export type { BalancerEvents } from './load-balancer/events.js';
export {
  type BalancerStatus,
  type EndpointStatus,
  type PoolStatus,
  VERSION,
  type WorkerStatus,
} from './load-balancer/status.js';
/** Several pools of endpoints behind one balancer. */
export type { BalancerPool, Pools } from './load-balancer/pools.js';
/** The algorithms: constants with defaults, functions for options, classes to derive from. */
export {
  ALGORITHMS,
  CONSISTENT_HASH,
  ConsistentHash,
  consistentHash,
  type ConsistentHashOptions,
  LEAST_CONNECTIONS,
  LeastConnections,
  LEAST_LATENCY,
  LeastLatency,
  POWER_OF_TWO,
  PowerOfTwo,
  RANDOM,
  Random,
  ROUND_ROBIN,
  RoundRobin,
  STICKY_SESSION,
  stickySession,
  type StickySessionOptions,
} from './balance/index.js';
/** One server that can take a request, and those of a pool. */
export type { Endpoint, EndpointState } from './balance/endpoint.js';
export type { EndpointInit } from './balance/endpoint-url.js';
export type { Endpoints } from './balance/endpoints.js';
/** Where endpoints are found: by name, by service, in a file; or what an own discovery implements. */
export type { DiscoveredEndpoint, Discovery } from './contracts/discovery.js';
export { dnsDiscovery, type DnsOptions, srvDiscovery } from './upstream/discovery/dns.js';
export { fileDiscovery, type FileOptions } from './upstream/discovery/file.js';
export { staticDiscovery } from './upstream/discovery/static.js';
/** What an own algorithm implements and sees. */
export type {
  Algorithm,
  AlgorithmClass,
  AlgorithmFactory,
  AlgorithmLike,
  EndpointView,
  KeyBy,
  Outcome,
  RequestView,
  Sources,
} from './contracts/algorithm.js';
/** The only error class, and its table. */
export { type ErrorCode, ERRORS, MultiserverError } from './errors.js';
/** Addresses to listen on, as texts and as data. */
export { type BoundAddress, formatAddress, type ListenAddress, parseListenAddress } from './listener/address.js';
/** The control socket of a running instance, both ends. */
export { callControl, type Control, instanceName, openControl, runningInstances } from './observe/control.js';
/** Every option as a row: name, default, bounds, meaning, flag. */
export {
  type AcmeChallenge,
  type AcmeOptions,
  type CertificateSource,
  type EndpointSource,
  type EndpointTls,
  type ErrorInfo,
  type ErrorPage,
  type HealthCheckOptions,
  type HealthOptions,
  type HttpsOptions,
  type LoadBalancerOptions,
  OPTION_ROWS,
  type OptionRow,
  type Page,
  type PoolOptions,
  type QueueOptions,
  type RateLimitOptions,
  type RetryOptions,
  type RouteOptions,
  type ServerFactory,
  type SpawnOptions,
} from './options.js';
/** What own routes and middleware find in `c.env`, and who the client is. */
export { type Bindings, type ClientBinding, getConnInfo } from './proxy/bindings.js';
/** Answers for requests that no endpoint could take. */
export { type FallbackHandler, serviceUnavailable, type ServiceUnavailableOptions } from './proxy/fallback.js';
/** A plug-in that redirects plain HTTP. */
export {
  forceHttps,
  type ForceHttpsOptions,
  type HstsOptions,
  type Interceptable,
  type Station,
} from './proxy/force-https.js';
/** One request/response pair, as stations see it. */
export type { Exchange, Head, Reply, RequestSink } from './exchange.js';
export type { WorkerView } from './supervisor/supervisor.js';
