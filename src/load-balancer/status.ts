import { readFileSync } from 'node:fs';
import type { EndpointState } from '../balance/index.js';
import type { ErrorCode } from '../errors.js';
import type { BoundAddress } from '../listener/address.js';
import type { PoolStage } from '../proxy/pool-stage.js';
import type { WorkerState, WorkerView } from '../supervisor/types.js';
import type { LimitHits } from '../util/limits.js';

/** What `status()` and `multiserver status` tell. */
export interface BalancerStatus {
  readonly version: string;
  readonly pid: number;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly addresses: readonly BoundAddress[];
  /** Of the default pool. */
  readonly algorithm: string;
  /** Requests since the start. */
  readonly requests: number;
  readonly inFlight: number;
  readonly queued: number;
  /** Connections of clients. */
  readonly connections: number;
  /** Exchanges that failed, by the code of the error; those that were saved by a retry are not among them. */
  readonly errors: Readonly<Partial<Record<ErrorCode, number>>>;
  /** How often each limit was reached, by the name of its option. */
  readonly limits: Readonly<LimitHits>;
  readonly pools: readonly PoolStatus[];
  readonly endpoints: readonly EndpointStatus[];
  /** One a slot, those too that take no requests. */
  readonly workers: readonly WorkerStatus[];
}

export interface WorkerStatus {
  /** Of its endpoint, while it takes requests. */
  readonly id: string;
  readonly slot: number;
  readonly pid: number;
  readonly state: WorkerState;
  /** How often the slot has been started again after a crash. */
  readonly restarts: number;
  /** Bytes; null: not known. */
  readonly memory: number | null;
  /** How busy its event loop was in the last second, from 0 to 1; null: not known. */
  readonly utilization: number | null;
}

export interface PoolStatus {
  readonly name: string;
  readonly algorithm: string;
  readonly inFlight: number;
  /** WebSockets and event streams among them. */
  readonly longLived: number;
  readonly queued: number;
}

export interface EndpointStatus {
  readonly id: string;
  readonly url: string;
  readonly pool: string;
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

export function poolStatuses(stages: Iterable<PoolStage>): PoolStatus[] {
  return Array.from(stages, ({ pool, queued }) => {
    const { name, algorithm, inFlight, longLived } = pool;
    return { name, algorithm: algorithm.name ?? 'own', inFlight, longLived, queued };
  });
}

export function endpointStatuses(stages: Iterable<PoolStage>, workers: readonly WorkerView[]): EndpointStatus[] {
  const byPid = new Map(workers.map((worker) => [worker.pid, worker] as const));
  const endpoints = Array.from(stages, ({ pool }) => pool.endpoints).flat();
  return endpoints.map((endpoint) => {
    const { id, url, pool, state, weight, inFlight, requests, failures } = endpoint;
    const own = endpoint.worker ? { pid: endpoint.pid, slot: endpoint.slot } : { pid: null, slot: null };
    const restarts = endpoint.worker ? (byPid.get(endpoint.pid)?.restarts ?? 0) : null;
    return { id, url, pool, state, weight, inFlight, requests, failures, ...own, restarts };
  });
}

export function workerStatuses(workers: readonly WorkerView[]): WorkerStatus[] {
  return workers.map(({ id, slot, pid, state, restarts, memory, utilization }) => ({
    id,
    slot,
    pid,
    state,
    restarts,
    memory,
    utilization,
  }));
}

export const VERSION: string = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
).version;
