import type { Limit } from '../util/limits.js';

/** How fast a request's body must come; times in ms. */
export interface PaceSettings {
  readonly bodyIdleTimeout: number;
  /** Octets a second that a request body must bring on average after `bodyRateGrace`, until the answer begins. */
  readonly minBodyRate: number;
  readonly bodyRateGrace: number;
  readonly now: () => number;
}

/** Whether a request's body comes fast enough. Time that it had to wait for us is not the client's. */
export class BodyPace {
  /** Whoever takes the body has asked it to wait. */
  paused = false;
  readonly #settings: PaceSettings;
  #awaitsContinue = false;
  #from = 0;
  #octets = 0;
  #deadline = 0;
  #pausedAt = 0;

  constructor(settings: PaceSettings) {
    this.#settings = settings;
  }

  /** A body follows; but not before we say so, if the client waits for 100 (Continue). */
  begin(awaitsContinue: boolean): void {
    this.#awaitsContinue = awaitsContinue;
    this.restart();
  }

  /** It may come from now on. */
  restart(): void {
    this.#from = this.#settings.now();
    this.#octets = 0;
    this.#deadline = this.#from + this.#settings.bodyIdleTimeout;
  }

  /** It is the client's turn. */
  get runs(): boolean {
    return !this.paused && !this.#awaitsContinue;
  }

  /** Octets have come. */
  count(octets: number): void {
    this.#awaitsContinue = false;
    this.#octets += octets;
    this.#deadline = this.#settings.now() + this.#settings.bodyIdleTimeout;
  }

  pause(): void {
    this.paused = true;
    this.#pausedAt = this.#settings.now();
  }

  resume(): void {
    const now = this.#settings.now();
    this.paused = false;
    this.#from += now - this.#pausedAt;
    this.#deadline = now + this.#settings.bodyIdleTimeout;
  }

  /** The limit that is exceeded, if any. */
  exceeds(now: number): Limit | '' {
    if (now >= this.#deadline) return 'bodyIdleTimeout';
    const elapsed = now - this.#from;
    const { minBodyRate, bodyRateGrace } = this.#settings;
    return elapsed > bodyRateGrace && this.#octets * 1000 < minBodyRate * elapsed ? 'minBodyRate' : '';
  }
}
