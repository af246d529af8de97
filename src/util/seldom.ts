import { RecentMap } from './recent-map.js';

/** Keys that are remembered; of more, one may be due again before its time. */
const MOST = 1000;

/** Which of many like things are told: each key at first, and then once in `pause` ms. */
export class Seldom {
  readonly #until = new RecentMap<string, number>(MOST);
  readonly #pause: number;
  readonly #now: () => number;

  constructor(pause: number, now: () => number) {
    this.#pause = pause;
    this.#now = now;
  }

  isDue(key: string): boolean {
    const time = this.#now();
    if (time < (this.#until.get(key) ?? -Infinity)) return false;
    this.#until.set(key, time + this.#pause);
    return true;
  }
}
