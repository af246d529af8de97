/** One server that can take a request, and its states. */
export { type Address, DRAINING, EJECTED, Endpoint, type EndpointState, GONE, MAINTENANCE, READY, STARTING } from './endpoint.js';
/** The endpoints that share one kind of traffic, their states, and the choice among them. */
export { Pool, type PoolOptions } from './pool.js';
/** Each candidate in turn, in proportion to its weight. */
export { ROUND_ROBIN, RoundRobin } from './algorithms/round-robin.js';
/** What the option `algorithm` may be. */
export { isAlgorithmLike, resolveAlgorithm } from './algorithms/resolve.js';
/** How many exchanges may be in progress, and the queue of those that wait. */
export { Admission, type AdmissionOptions, type Waiter } from './limits/admission.js';
