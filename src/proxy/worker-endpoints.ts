import { Endpoint, READY } from '../balance/endpoint.js';
import type { Pool } from '../balance/pool.js';
import type { WorkerState, WorkerView } from '../supervisor/types.js';

interface Crew {
  readonly workers: readonly WorkerView[];
}

const COMING: ReadonlySet<WorkerState> = new Set(['starting', 'crashed', 'backoff']);

/** Keeps a pool in step with a supervisor's workers: each ready worker is an endpoint, whose id is its slot. */
export class WorkerEndpoints {
  readonly #pool: Pool;
  readonly #byPid = new Map<number, Endpoint>();
  readonly #crews = new Set<Crew>();
  readonly #waiting = new Map<Endpoint, () => void>();

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Workers of `crew` are to come, and to come back whenever they crash. */
  expect(crew: Crew): void {
    this.#crews.add(crew);
  }

  /** They will not. */
  forget(crew: Crew): void {
    this.#crews.delete(crew);
  }

  /** Whether there are workers of a spawned app, or will be. */
  get isStaffed(): boolean {
    return this.#crews.size > 0;
  }

  get expecting(): boolean {
    for (const { workers } of this.#crews) if (workers.some(({ state }) => COMING.has(state))) return true;
    return false;
  }

  isExpected(slotId: string): boolean {
    for (const { workers } of this.#crews)
      if (workers.some(({ id, state }) => id === slotId && COMING.has(state))) return true;
    return false;
  }

  get(worker: WorkerView): Endpoint | undefined {
    return this.#byPid.get(worker.pid);
  }

  onReady(worker: WorkerView): void {
    const { id, slot, pid } = worker;
    const address =
      'path' in worker.address
        ? { host: '', port: 0, path: worker.address.path, secure: false }
        : { ...worker.address, path: '', secure: false };
    const url = address.path === '' ? `http://${address.host}:${address.port}` : `unix:${address.path}`;
    const endpoint = new Endpoint({ id, url, address, slot, pid });
    this.#byPid.set(pid, endpoint);
    this.#pool.add(endpoint, READY);
  }

  /** Out of rotation; of one that still lives, resolves when its last request has ended. */
  onDown(worker: WorkerView): void | Promise<void> {
    const endpoint = this.#byPid.get(worker.pid);
    if (endpoint === undefined || endpoint.state === 'gone') return;
    if (worker.state !== 'draining') {
      this.#pool.gone(endpoint, 'the worker ended');
      return;
    }
    const drained = new Promise<void>((resolve) => this.#waiting.set(endpoint, resolve));
    this.#pool.remove(endpoint, 'the worker is being stopped');
    return drained;
  }

  /** To be told of each endpoint that is gone. */
  onGone(endpoint: Endpoint): void {
    this.#waiting.get(endpoint)?.();
    this.#waiting.delete(endpoint);
    this.#byPid.delete(endpoint.pid);
  }
}
