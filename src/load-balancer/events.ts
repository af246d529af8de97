import type { EventEmitter } from 'node:events';
import type { Endpoint, EndpointState } from '../balance/index.js';
import type { BoundAddress } from '../listener/address.js';
import type { WorkerView } from '../supervisor/types.js';

/** What `LoadBalancer.events` emits. */
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
  /** A worker ended by itself, or was killed for the given reason; it is started again. */
  crash: [
    worker: WorkerView,
    detail: { code: number | null; signal: string | null; reason: string | null; stderr: string },
  ];
  /** A new worker takes over from this one, which takes more memory than `maxMemory`. */
  replace: [worker: WorkerView, detail: { reason: string }];
  /** Autoscaling has changed the number of workers. */
  scale: [count: number, detail: { reason: string }];
  /** A certificate was got from the authority and is in use (`https.acme`). */
  certificate: [domain: string, detail: { validTo: Date }];
  /** A line that a worker wrote. */
  output: [worker: WorkerView, stream: 'stdout' | 'stderr', line: string];
  /**
   * What an operator should look into: something of the user's own, such as an algorithm, did what it must not; an endpoint failed (of
   * each, a kind of fault is told at most once a minute); a certificate cannot be used.
   */
  problem: [message: string, error?: unknown];
}

export type Tell = <E extends keyof BalancerEvents>(event: E, ...detail: BalancerEvents[E]) => void;

/**
 * Emits each event once what is being done is done, in the order of what happens: who listens right after the constructor hears of its
 * endpoints, and a listener that throws does so outside of a request's way. A problem that nobody listens for becomes a warning.
 */
export function createTell(events: EventEmitter<BalancerEvents>): Tell {
  const emitter = events as EventEmitter;
  return (event, ...detail) =>
    queueMicrotask(() => {
      const isHeard = emitter.emit(event, ...detail);
      if (!isHeard && event === 'problem') process.emitWarning(detail[0] as string, { code: 'MS_PROBLEM' });
    });
}
