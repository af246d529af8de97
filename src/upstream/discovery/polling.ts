import type { DiscoveredEndpoint, Discovery } from '../../contracts/discovery.js';

/** So that many balancers which start together do not ask together for ever. */
const JITTER = 0.1;

/** A discovery that looks again and again. */
export abstract class PollingDiscovery implements Discovery {
  readonly name: string;
  readonly #interval: number;
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;

  constructor(name: string, interval: number) {
    this.name = name;
    this.#interval = interval;
  }

  /** The whole set; null: it is as before. */
  protected abstract find(): Promise<readonly DiscoveredEndpoint[] | null>;

  start(onChange: (endpoints: readonly DiscoveredEndpoint[]) => void, onProblem: (error: Error) => void): void {
    const look = async (): Promise<void> => {
      try {
        const found = await this.find();
        if (!this.#stopped && found !== null) onChange(found);
      } catch (error) {
        if (!this.#stopped) onProblem(error as Error);
      }
      if (this.#stopped) return;
      const pause = this.#interval * (1 + JITTER * (2 * Math.random() - 1));
      this.#timer = setTimeout(() => void look(), pause).unref();
    };
    void look();
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }
}
