/** How many results in a row change the verdict. */
export interface RiseAndFall {
  readonly rise: number;
  readonly fall: number;
}

/** What the health checks of one endpoint say. The first result decides at once where nothing was known. */
export class Verdict {
  /** Undefined: not known yet. */
  good: boolean | undefined;
  /** Results in a row that speak against the verdict. */
  #against = 0;

  constructor(good: boolean | undefined) {
    this.good = good;
  }

  /** True: this result has changed the verdict. */
  hear(passed: boolean, { rise, fall }: RiseAndFall): boolean {
    if (passed === this.good) {
      this.#against = 0;
      return false;
    }
    this.#against++;
    if (this.good !== undefined && this.#against < (passed ? rise : fall)) return false;
    this.good = passed;
    this.#against = 0;
    return true;
  }
}
