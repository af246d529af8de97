import type { AlgorithmFactory } from '../../contracts/algorithm.js';
import { CONSISTENT_HASH } from './consistent-hash.js';
import { LEAST_CONNECTIONS } from './least-connections.js';
import { LEAST_LATENCY } from './least-latency.js';
import { POWER_OF_TWO } from './power-of-two.js';
import { RANDOM } from './random.js';
import { ROUND_ROBIN } from './round-robin.js';
import { STICKY_SESSION } from './sticky-session.js';

/** Every algorithm by its name on the command line. */
export const ALGORITHMS: Readonly<Record<string, AlgorithmFactory>> = Object.freeze({
  'round-robin': ROUND_ROBIN,
  'least-latency': LEAST_LATENCY,
  'least-connections': LEAST_CONNECTIONS,
  'power-of-two': POWER_OF_TWO,
  random: RANDOM,
  'consistent-hash': CONSISTENT_HASH,
  'sticky-session': STICKY_SESSION,
});
