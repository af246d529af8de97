import { MultiserverError } from '../errors.js';
import { GroupGuard } from './group-guard.js';
import { Guards } from './guards.js';
import { createLauncher } from './launch.js';
import { type Crew, Slot } from './slot.js';
import { makeSocketFolder, removeSocketFolder } from './socket-folder.js';
import type { Worker } from './worker.js';
import type { SupervisorHooks, SupervisorOptions, WorkerView } from './types.js';

export type { CrashInfo, SupervisorHooks, SupervisorOptions, WorkerAddress, WorkerState, WorkerView } from './types.js';

/** How long the first new worker of a reload serves beside the one it is to follow, ms: some versions listen, and then die. */
const PROBATION = 1000;

function stopping(): MultiserverError {
  return new MultiserverError('MS_CLOSING', 'The workers are being stopped.');
}

/** Runs an app on `count` workers, and sees to it that there are always so many. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #hooks: SupervisorHooks;
  readonly #random: () => number;
  #slots: Slot[] = [];
  #crew: Crew | null = null;
  #guards: Guards | null = null;
  #folder = '';
  #stopping: Promise<void> | null = null;
  /** Starts, reloads and changes of the number of workers happen one after another. */
  #last: Promise<unknown> = Promise.resolve();

  /** `random` is for tests of the back-off. */
  constructor(options: SupervisorOptions, hooks: SupervisorHooks, random: () => number = Math.random) {
    this.#options = options;
    this.#hooks = hooks;
    this.#random = random;
  }

  /** The worker in service of each slot. */
  get workers(): readonly WorkerView[] {
    return this.#slots.map((slot) => slot.current).filter((worker) => worker !== null);
  }

  /** Resolves when all workers are ready. If one does not get ready, it rejects and nothing is left running. */
  start(): Promise<WorkerView[]> {
    return this.#inTurn(async () => {
      this.#folder = makeSocketFolder();
      try {
        const launcher = createLauncher(this.#options, this.#folder);
        const { count, publicPort } = this.#options;
        const guard = new GroupGuard(this.#folder);
        this.#crew = {
          options: this.#options,
          hooks: this.#hooks,
          launcher,
          guard,
          random: this.#random,
          hasWorkers: () => this.workers.some(({ state }) => state === 'ready' || state === 'starting'),
          count,
          publicPort,
        };
        const workers = await this.#grow(count);
        this.#guards = new Guards(this.#options, {
          slots: () => this.#slots,
          replace: (slot, reason) => this.#replace(slot, reason),
          scale: (wanted) => this.#autoscale(wanted),
        });
        return workers;
      } catch (error) {
        this.#clear();
        throw error;
      }
    });
  }

  /**
   * Replaces the workers one by one, each once its successor is ready. Rejects at the first that does not get ready, or that ends
   * while it proves itself: the old ones stay.
   */
  reload(): Promise<WorkerView[]> {
    return this.#inTurn(async () => {
      const workers: WorkerView[] = [];
      // What the first one has shown need not be waited for again.
      for (const slot of this.#slots) workers.push(await slot.reload(workers.length === 0 ? PROBATION : 0));
      return workers;
    });
  }

  /** Changes the number of workers; resolves when the new ones are ready, or those too many have ended. */
  scale(count: number): Promise<readonly WorkerView[]> {
    return this.#inTurn(() => this.#scale(count));
  }

  async #scale(count: number): Promise<readonly WorkerView[]> {
    if (this.#crew === null) throw new MultiserverError('MS_NOT_RUNNING');
    const before = this.#slots.length;
    this.#crew.count = count;
    if (count > before) {
      await this.#grow(count - before).catch((error: unknown) => {
        this.#crew!.count = before;
        throw error;
      });
    }
    const tooMany = this.#slots.slice(count);
    await Promise.all(tooMany.map((slot) => slot.close(this.#options.stopTimeout)));
    this.#slots = this.#slots.slice(0, count);
    return this.workers;
  }

  #replace(slot: Slot, reason: string): Promise<Worker | null> {
    return this.#guarded(`Worker ${slot.index} could not be replaced`, async () => {
      const old = slot.current;
      if (!this.#slots.includes(slot) || old?.state !== 'ready') return null;
      this.#hooks.onReplace(old, reason);
      return slot.reload(0);
    });
  }

  #autoscale(count: number): Promise<unknown> {
    const more = count > this.#slots.length;
    return this.#guarded('Autoscaling failed', async () => {
      await this.#scale(count);
      this.#hooks.onScale(count, more ? 'all were busy' : 'all had little to do');
    });
  }

  async #guarded<T>(what: string, action: () => Promise<T>): Promise<T> {
    try {
      return await this.#inTurn(action);
    } catch (error) {
      if (this.#stopping === null) this.#hooks.onProblem(what, error);
      throw error;
    }
  }

  /** The port that clients reach: what `server.address()` answers in apps that asked for port 0. */
  setPublicPort(port: number): void {
    if (this.#crew === null) return;
    this.#crew.publicPort = port;
    for (const slot of this.#slots) slot.tell(port);
  }

  /** Takes all workers out of rotation and ends them, by force those that have not ended after `timeout` milliseconds. */
  stop(timeout: number = this.#options.stopTimeout): Promise<void> {
    this.#stopping ??= (async () => {
      await Promise.all(this.#slots.map((slot) => slot.close(timeout)));
      await this.#last.catch(() => {});
      this.#clear();
    })();
    return this.#stopping;
  }

  /** Ends all workers at once, before it returns; a {@link stop} under way is done with soon after. */
  kill(): void {
    this.#stopping ??= Promise.resolve();
    for (const slot of this.#slots) slot.kill();
    this.#clear();
  }

  async #grow(by: number): Promise<WorkerView[]> {
    const from = this.#slots.length;
    const fresh = Array.from({ length: by }, (_, i) => new Slot(from + i, this.#crew!));
    this.#slots = [...this.#slots, ...fresh];
    try {
      return await Promise.all(fresh.map((slot) => slot.start()));
    } catch (error) {
      for (const slot of fresh) slot.kill();
      await Promise.all(fresh.map((slot) => slot.ended()));
      this.#slots = this.#slots.slice(0, from);
      throw error;
    }
  }

  #clear(): void {
    this.#guards?.close();
    this.#crew?.guard.close();
    this.#crew = null;
    removeSocketFolder(this.#folder);
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#last
      .catch(() => {})
      .then(async () => {
        if (this.#stopping !== null) throw stopping();
        try {
          return await action();
        } catch (error) {
          // what was under way failed because of that
          throw this.#stopping === null ? error : stopping();
        }
      });
    this.#last = result;
    return result;
  }
}
