/** One who waits for a place. The three fields are the queue's own; a waiter stands in one queue at most. */
export interface Waiter {
  queuedIn: Admission | null;
  queueNext: Waiter | null;
  queuePrevious: Waiter | null;
  queueDeadline: number;
  /** It has a place now, as after `tryEnter() === true`, and must give it back by `leave()`. */
  onAdmitted(): void;
  /** It waited too long and is no longer in the queue. */
  onQueueTimeout(): void;
}

export interface AdmissionOptions {
  /** Exchanges in progress at once. */
  readonly limit: number;
  /** Exchanges that may wait. */
  readonly size: number;
  /** Milliseconds they may wait. */
  readonly timeout: number;
  /** Another condition for a place, such as an endpoint that is not full; call `wake()` when it may have changed. */
  readonly hasRoom?: () => boolean;
}

/**
 * maxConcurrentConnections: at most `limit` exchanges in progress, the next `size` wait in order of arrival.
 *
 *     tryEnter ──► in progress ──► leave
 *        │ false      ▲ onAdmitted
 *        ▼            │
 *     enqueue ────► waiting ──► cancel, or sweep: onQueueTimeout
 *        │ false: full
 */
export class Admission {
  /** Exchanges in progress. */
  active = 0;
  /** Exchanges waiting. */
  queued = 0;
  #limit: number;
  #size: number;
  #timeout: number;
  readonly #hasRoom: (() => boolean) | null;
  readonly #now: () => number;
  #first: Waiter | null = null;
  #last: Waiter | null = null;
  #waking = false;
  /** A deadline lies before that of one who waits in front of it. */
  #unsorted = false;

  constructor(options: AdmissionOptions, now: () => number) {
    this.#limit = options.limit;
    this.#size = options.size;
    this.#timeout = options.timeout;
    this.#hasRoom = options.hasRoom ?? null;
    this.#now = now;
  }

  get limit(): number {
    return this.#limit;
  }

  /** Milliseconds that one may wait. */
  get timeout(): number {
    return this.#timeout;
  }

  /** New bounds: those in progress or waiting stay, even when they are more than the new bounds allow. */
  configure(options: { limit: number; size: number; timeout: number }): void {
    this.#limit = options.limit;
    this.#size = options.size;
    this.#timeout = options.timeout;
    this.wake();
  }

  /** Takes a place if one is free and nobody waits for it. */
  tryEnter(): boolean {
    if (this.#first !== null || !this.#isFree()) return false;
    this.active++;
    return true;
  }

  /** False: the queue is full. `latest`: until when it may wait at most. */
  enqueue(waiter: Waiter, latest = Infinity): boolean {
    if (this.queued >= this.#size) return false;
    waiter.queuedIn = this;
    waiter.queueDeadline = Math.min(this.#now() + this.#timeout, latest);
    if (this.#last !== null && this.#last.queueDeadline > waiter.queueDeadline) this.#unsorted = true;
    waiter.queueNext = null;
    waiter.queuePrevious = this.#last;
    if (this.#last === null) this.#first = waiter;
    else this.#last.queueNext = waiter;
    this.#last = waiter;
    this.queued++;
    return true;
  }

  /** Gives a place back; the first waiter gets it. */
  leave(): void {
    this.active--;
    if (this.#first !== null) this.wake();
  }

  /** Takes a waiter out; nothing happens when it does not wait here. */
  cancel(waiter: Waiter): void {
    if (waiter.queuedIn !== this) return;
    if (waiter.queuePrevious === null) this.#first = waiter.queueNext;
    else waiter.queuePrevious.queueNext = waiter.queueNext;
    if (waiter.queueNext === null) this.#last = waiter.queuePrevious;
    else waiter.queueNext.queuePrevious = waiter.queuePrevious;
    waiter.queueNext = null;
    waiter.queuePrevious = null;
    waiter.queuedIn = null;
    this.queued--;
  }

  /** Admits as many waiters as there are places. */
  wake(): void {
    // A waiter may leave (or enter) again within onAdmitted: the loop of the outermost call sees it, instead of a recursion as deep as
    // the queue is long.
    if (this.#waking) return;
    this.#waking = true;
    try {
      while (this.#first !== null && this.#isFree()) {
        const waiter = this.#first;
        this.cancel(waiter);
        this.active++;
        waiter.onAdmitted();
      }
    } finally {
      this.#waking = false;
    }
  }

  /** Sends away those who waited too long; to be called now and then. */
  sweep(now: number): void {
    let waiter = this.#first;
    while (waiter !== null && (this.#unsorted || waiter.queueDeadline <= now)) {
      const next = waiter.queueNext;
      if (waiter.queueDeadline <= now) {
        this.cancel(waiter);
        waiter.onQueueTimeout();
      }
      // What it did may have let others go: they are looked at the next time.
      waiter = next?.queuedIn === this ? next : null;
    }
    if (this.#first === null) this.#unsorted = false;
  }

  #isFree(): boolean {
    return this.active < this.#limit && (this.#hasRoom === null || this.#hasRoom());
  }
}
