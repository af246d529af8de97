export interface AutoscaleSettings {
  readonly min: number;
  /** 0: the number of workers stays as it is. */
  readonly max: number;
}

const HIGH = 0.8;
const HIGH_FOR = 10_000;
const LOW = 0.2;
const LOW_FOR = 60_000;
const COOL_DOWN = 20_000;

/** Decides how many workers there should be, by how busy the event loops of those that are there have been for a while. */
export class Autoscaler {
  readonly #settings: AutoscaleSettings;
  #highSince = Infinity;
  #lowSince = Infinity;
  #changedAt = -Infinity;

  constructor(settings: AutoscaleSettings) {
    this.#settings = settings;
  }

  /** `utilization` is the mean of all workers, from 0 to 1. Gives `count`, or one more or less; to be asked about every second. */
  decide(now: number, utilization: number, count: number): number {
    this.#highSince = utilization > HIGH ? Math.min(this.#highSince, now) : Infinity;
    this.#lowSince = utilization < LOW ? Math.min(this.#lowSince, now) : Infinity;
    if (now - this.#changedAt < COOL_DOWN) return count;
    const { min, max } = this.#settings;
    if (now - this.#highSince >= HIGH_FOR && count < max) return count + 1;
    if (now - this.#lowSince >= LOW_FOR && count > min) return count - 1;
    return count;
  }

  /** The number has changed, or could not be: what was measured before says nothing about what is now. */
  restart(now: number): void {
    this.#changedAt = now;
    this.#highSince = Infinity;
    this.#lowSince = Infinity;
  }
}
