import { setTimeout as wait } from 'node:timers/promises';
import { backoffDelay, RESET_AFTER } from './backoff.js';
import type { GroupGuard } from './group-guard.js';
import type { Launcher } from './launch.js';
import type { CrashInfo, SupervisorHooks, SupervisorOptions } from './types.js';
import { endedEarly, Worker } from './worker.js';

/** Longest delay of a start when no other worker is there, ms. */
const LONGEST_ALONE = 1000;
/** Given to a process to end by itself after SIGTERM, however long its last requests took; a stop time-out that is shorter wins. */
const GRACE = 1000;

/** What all slots of a supervisor share. */
export interface Crew {
  readonly options: SupervisorOptions;
  readonly hooks: SupervisorHooks;
  readonly launcher: Launcher;
  readonly guard: GroupGuard;
  readonly random: () => number;
  /** Whether a worker takes requests, or is being started. */
  hasWorkers(): boolean;
  count: number;
  publicPort: number | undefined;
}

/**
 * One of the places for a worker: sees to it that there is always one. During a reload there are two, the one in service and the one
 * that is to follow it.
 */
export class Slot {
  readonly index: number;
  /** In service, or the last that was. */
  current: Worker | null = null;
  readonly #crew: Crew;
  #next: Worker | null = null;
  /** Serves on if the worker that is to follow it ends on probation. */
  #standby: Worker | null = null;
  #crashes = 0;
  #restarts = 0;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(index: number, crew: Crew) {
    this.index = index;
    this.#crew = crew;
  }

  /** Starts a worker while somebody waits for it; rejects when it does not get ready, and then it is not tried again. */
  async start(): Promise<Worker> {
    const worker = await this.#launch(true);
    await worker.started;
    return worker;
  }

  /**
   * A new worker takes over once it is ready, and the old one is retired; if it does not get ready, or ends within `probation`
   * milliseconds after, all stays as it was.
   */
  async reload(probation: number): Promise<Worker> {
    const old = this.current;
    this.#cancelRespawn();
    try {
      const worker = await this.start();
      if (old?.alive) {
        await this.#prove(worker, old, probation);
        await this.#retire(old, this.#crew.options.stopTimeout);
      }
      return worker;
    } catch (error) {
      this.#next = null;
      if (!old?.alive) this.#respawnLater();
      throw error;
    }
  }

  async #prove(worker: Worker, old: Worker, probation: number): Promise<void> {
    if (probation === 0) return;
    this.#standby = old;
    const over = new AbortController();
    const end = await Promise.race([worker.ended, wait(probation, null, { signal: over.signal }).catch(() => null)]);
    over.abort();
    this.#standby = null;
    if (end !== null) throw endedEarly(this.#crew.launcher.name, end);
  }

  /** Ends what is in the slot, and keeps it empty. */
  async close(timeout: number): Promise<void> {
    this.#closed = true;
    this.#cancelRespawn();
    await Promise.all(this.#workers().map((worker) => this.#retire(worker, timeout)));
  }

  /** The same, without waiting for anything. */
  kill(): void {
    this.#closed = true;
    this.#cancelRespawn();
    for (const worker of this.#workers()) worker.kill();
  }

  /** Resolves when no process is left in it. */
  async ended(): Promise<void> {
    await Promise.all(this.#workers().map((worker) => worker.ended));
  }

  tell(port: number): void {
    for (const worker of this.#workers()) worker.tell({ type: 'public-port', port });
  }

  #workers(): Worker[] {
    return [this.current, this.#next, this.#standby].filter((worker) => worker !== null);
  }

  async #launch(attended: boolean): Promise<Worker> {
    const { options, hooks, launcher, guard, count, publicPort } = this.#crew;
    const launch = await launcher.prepare({ slot: this.index, count, publicPort });
    if (this.#closed) throw new Error('The supervisor is stopping.');
    const worker: Worker = new Worker({
      slot: this.index,
      restarts: this.#restarts,
      name: launcher.name,
      launch,
      guard,
      options,
      onOutput: (from, stream, line) => hooks.onOutput(from, stream, line),
      onReady: (ready) => this.#onReady(ready),
      onDown: (down) => void Promise.resolve(hooks.onDown(down)).catch(() => {}),
    });
    if (attended && this.current?.alive) this.#next = worker;
    else this.#takeOver(worker);
    void worker.ended.then((info) => {
      const announced = worker.readyAt > 0 || !attended;
      if (worker.state === 'crashed' && announced) this.#onCrash(worker, info);
    });
    return worker;
  }

  #takeOver(worker: Worker): void {
    if (this.current !== null && !this.current.alive) this.current.state = 'stopped';
    if (this.#next === worker) this.#next = null;
    this.current = worker;
  }

  #onReady(worker: Worker): void {
    const old = this.current;
    if (old !== worker) this.#takeOver(worker);
    this.#crew.hooks.onReady(worker);
  }

  async #retire(worker: Worker, timeout: number): Promise<void> {
    const end = performance.now() + timeout;
    if (worker.state === 'starting') worker.kill();
    if (worker.state === 'ready') {
      worker.drain();
      const stopWaiting = new AbortController();
      const drained = Promise.resolve(this.#crew.hooks.onDown(worker)).catch(() => {});
      await Promise.race([
        drained,
        worker.ended,
        wait(timeout, undefined, { signal: stopWaiting.signal }).catch(() => {}),
      ]);
      stopWaiting.abort();
    }
    await worker.stop(Math.max(end - performance.now(), Math.min(timeout, GRACE)));
  }

  #onCrash(worker: Worker, info: CrashInfo): void {
    const isWell = worker.readyAt > 0 && performance.now() - worker.readyAt >= RESET_AFTER;
    this.#crashes = isWell ? 1 : this.#crashes + 1;
    if (worker === this.current && this.#standby?.alive) this.current = this.#standby;
    this.#crew.hooks.onCrash(worker, info);
    if (worker === this.current && this.#next === null) this.#respawnLater();
  }

  #respawnLater(): void {
    if (this.#closed || this.#timer !== null) return;
    if (this.current !== null && this.current.state === 'crashed') this.current.state = 'backoff';
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#restarts += 1;
      this.#launch(false).catch((error: Error) => this.#onLaunchError(error));
    }, this.#backoff());
  }

  /** To protect the others is what the delay is for: when there are none, the clients who wait come first. */
  #backoff(): number {
    const delay = backoffDelay(Math.max(1, this.#crashes), this.#crew.random);
    return this.#crew.hasWorkers() ? delay : Math.min(delay, LONGEST_ALONE);
  }

  /** It could not even be tried, for example because the app's file is gone: told and tried again like any crash. */
  #onLaunchError(error: Error): void {
    if (this.#closed || this.current === null) return;
    this.#crashes += 1;
    this.#crew.hooks.onCrash(this.current, { code: null, signal: null, reason: null, stderr: error.message });
    this.#respawnLater();
  }

  #cancelRespawn(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
