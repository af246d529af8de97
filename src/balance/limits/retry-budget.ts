export interface RetryBudgetOptions {
  /** Share of the requests in progress that may be retries. */
  readonly budget: number;
  /** Retries that are allowed at once, whatever the share. */
  readonly min: number;
  /** Milliseconds of the longest wait before the first retry, doubled for each further one. */
  readonly backoff: number;
  readonly maxBackoff: number;
}

/** Keeps retries from becoming the load that brings the rest down: when many fail at once, most of them fail at once. */
export class RetryBudget {
  /** Retries in progress. */
  retries = 0;
  #options: RetryBudgetOptions;

  constructor(options: RetryBudgetOptions) {
    this.#options = options;
  }

  configure(options: RetryBudgetOptions): void {
    this.#options = options;
  }

  /** Takes a retry out of the budget, to be given back by `end`; `active`: requests in progress, retries included. */
  tryBegin(active: number): boolean {
    if (this.retries >= Math.max(this.#options.min, Math.floor(active * this.#options.budget))) return false;
    this.retries++;
    return true;
  }

  /** Milliseconds after which one that was refused may ask once more: most of those that failed with it are over by then. */
  pause(random: number): number {
    return ((1 + random) / 2) * this.#options.maxBackoff;
  }

  end(): void {
    this.retries--;
  }

  /** Milliseconds before the retry that follows `attempts` failed ones: anything up to the bound, so that they do not all come at once. */
  delay(attempts: number, random: number): number {
    return random * Math.min(this.#options.maxBackoff, this.#options.backoff * 2 ** (attempts - 1));
  }
}
