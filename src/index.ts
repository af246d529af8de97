/** Balances requests over endpoints; an app of its own (Hono). */
export { LoadBalancer } from './load-balancer.js';
export {
  ALGORITHMS,
  CONSISTENT_HASH,
  consistentHash,
  LEAST_CONNECTIONS,
  LEAST_LATENCY,
  POWER_OF_TWO,
  RANDOM,
  ROUND_ROBIN,
  STICKY_SESSION,
  stickySession,
} from './balance/index.js';
/** One server that can take a request. */
export type { Endpoint, EndpointState } from './balance/endpoint.js';
/** What an own algorithm implements and sees. */
export type { Algorithm, AlgorithmLike, EndpointView, Outcome, RequestView } from './contracts/algorithm.js';
/** The only error class, and its table. */
export { type ErrorCode, ERRORS, MultiserverError } from './errors.js';
export { formatAddress, type ListenAddress } from './listener/address.js';
/** The control socket of a running instance, both ends. */
export { callControl, type Control, instanceName, openControl, runningInstances } from './observe/control.js';
/** Every option as a row: name, default, bounds, meaning, flag. */
export { type LoadBalancerOptions, OPTION_ROWS, type OptionRow, type SpawnOptions } from './options.js';
