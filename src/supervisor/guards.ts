import { Autoscaler } from './autoscaler.js';
import type { Slot } from './slot.js';
import type { SupervisorOptions } from './types.js';

/** How often workers tell how they are, ms; more often where a blocked event loop has to be noticed sooner. */
const BEAT = 1000;
/** So many beats fit into the time in which a blocked event loop has to be noticed. */
const BEATS = 4;
/** A worker is not replaced for its memory before it is so old, nor tried again sooner, ms. */
const MIN_AGE = 5000;
const RETRY_AFTER = 60_000;

export function beatInterval({ hangTimeout }: SupervisorOptions): number {
  return hangTimeout === 0 ? BEAT : Math.max(1, Math.min(BEAT, hangTimeout / BEATS));
}

export interface GuardActions {
  slots(): readonly Slot[];
  /** A new worker takes over; rejects when it does not get ready. */
  replace(slot: Slot, reason: string): Promise<unknown>;
  scale(count: number): Promise<unknown>;
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 1024 / 1024)} MB`;

/** Looks after workers that are ready: ends those that hang, replaces those that take too much memory, and starts more when all are busy. */
export class Guards {
  readonly #options: SupervisorOptions;
  readonly #actions: GuardActions;
  readonly #autoscaler: Autoscaler | null;
  readonly #interval: number;
  readonly #timer: NodeJS.Timeout;
  readonly #retryAt = new WeakMap<Slot, number>();
  #lastTick = performance.now();
  /** One thing at a time: a replacement, or a change of the number. */
  #busy = false;

  constructor(options: SupervisorOptions, actions: GuardActions) {
    this.#options = options;
    this.#actions = actions;
    this.#autoscaler = options.autoscale.max === 0 ? null : new Autoscaler(options.autoscale);
    this.#interval = beatInterval(options);
    this.#timer = setInterval(() => this.#tick(performance.now()), this.#interval).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #tick(now: number): void {
    // When this process itself was held up, what the workers told in the meantime is read only after this.
    const isLate = now - this.#lastTick > 2 * this.#interval;
    this.#lastTick = now;
    if (isLate) return;
    if (this.#options.hangTimeout > 0) this.#endHanging(now);
    if (this.#busy) return;
    const slot = this.#tooLarge(now);
    if (slot !== undefined) this.#replace(slot, now);
    else if (this.#autoscaler !== null) this.#scale(this.#autoscaler, now);
  }

  #endHanging(now: number): void {
    const { hangTimeout } = this.#options;
    for (const { current } of this.#actions.slots()) {
      if (current?.state === 'ready' && now - current.lastBeat > hangTimeout)
        current.endHanging(`its event loop was blocked for more than ${hangTimeout / 1000} s`);
    }
  }

  #tooLarge(now: number): Slot | undefined {
    return this.#actions.slots().find((slot) => {
      const { current } = slot;
      return (
        current?.state === 'ready' &&
        (current.memory ?? 0) > this.#options.maxMemory &&
        now - current.readyAt > MIN_AGE &&
        now > (this.#retryAt.get(slot) ?? 0)
      );
    });
  }

  #replace(slot: Slot, now: number): void {
    this.#retryAt.set(slot, now + RETRY_AFTER);
    const reason = `it takes ${megabytes(slot.current!.memory!)} of memory, more than ${megabytes(this.#options.maxMemory)}`;
    this.#do(this.#actions.replace(slot, reason).then(() => this.#retryAt.delete(slot)));
  }

  #scale(autoscaler: Autoscaler, now: number): void {
    const ready = this.#actions.slots().flatMap(({ current }) => (current?.state === 'ready' ? [current] : []));
    if (ready.length === 0) return;
    // Whoever does not tell is too busy to.
    const sum = ready.reduce(
      (total, worker) => total + (now - worker.lastBeat > 3 * this.#interval ? 1 : (worker.utilization ?? 0)),
      0,
    );
    const count = this.#actions.slots().length;
    const wanted = autoscaler.decide(now, sum / ready.length, count);
    if (wanted === count) return;
    this.#do(this.#actions.scale(wanted).finally(() => autoscaler.restart(performance.now())));
  }

  /** Failures are told by whoever fails; it is tried again later. */
  #do(action: Promise<unknown>): void {
    this.#busy = true;
    void action.catch(() => {}).finally(() => (this.#busy = false));
  }
}
