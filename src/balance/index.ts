/** One server that can take a request, and its states. */
export {
  type Address,
  DRAINING,
  EJECTED,
  Endpoint,
  type EndpointState,
  GONE,
  MAINTENANCE,
  READY,
  STARTING,
} from './endpoint.js';
/** The endpoints that share one kind of traffic, their states, and the choice among them. */
export { Pool, type PoolOptions } from './pool.js';

/** Every algorithm by its name on the command line. */
export { ALGORITHMS } from './algorithms/table.js';
/** Each candidate in turn, in proportion to its weight. */
export { ROUND_ROBIN, RoundRobin } from './algorithms/round-robin.js';
/** The lowest time to first byte, times requests in flight. */
export { LEAST_LATENCY, LeastLatency } from './algorithms/least-latency.js';
/** The fewest requests in flight. */
export { LEAST_CONNECTIONS, LeastConnections } from './algorithms/least-connections.js';
/** The fewer requests in flight of two random ones. */
export { POWER_OF_TWO, PowerOfTwo } from './algorithms/power-of-two.js';
/** Any, in proportion to its weight. */
export { RANDOM, Random } from './algorithms/random.js';
/** The same key to the same endpoint. */
export {
  CONSISTENT_HASH,
  ConsistentHash,
  consistentHash,
  type ConsistentHashOptions,
} from './algorithms/consistent-hash.js';
/** The same client to the same endpoint, over any other algorithm. */
export {
  STICKY_SESSION,
  StickySession,
  stickySession,
  type StickySessionOptions,
} from './algorithms/sticky-session.js';
/** What the option `algorithm` may be, as an algorithm that never throws. */
export { resolveAlgorithm } from './algorithms/resolve.js';

/** When failures eject an endpoint. */
export { DEFAULT_HEALTH, type PassiveHealthOptions } from './health/passive.js';
/** How many exchanges may be in progress, and the queue of those that wait. */
export { Admission, type AdmissionOptions, type Waiter } from './limits/admission.js';
/** How many retries there may be, and how long they wait. */
export { RetryBudget, type RetryBudgetOptions } from './limits/retry-budget.js';
/** How many requests a client may send. */
export { RateLimit, type RateLimitOptions } from './limits/rate-limit.js';
/** Which rule a request follows, by host and path. */
export { type RouteRule, Routes } from './routes.js';
