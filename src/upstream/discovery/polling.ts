import type { DiscoveredEndpoint, Discovery } from '../../contracts/discovery.js';

/** So that many balancers which start together do not ask together for ever. */
const JITTER = 0.1;

export interface Finding {
  readonly endpoints: readonly DiscoveredEndpoint[];
  /** Why not all of them could be found. */
  readonly missing?: Error | undefined;
}

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
  protected abstract find(): Promise<Finding | null>;

  start(
    onChange: (endpoints: readonly DiscoveredEndpoint[], missing?: Error) => void,
    onProblem: (error: Error) => void,
  ): void {
    const look = async (): Promise<void> => {
      try {
        const found = await this.find();
        if (!this.#stopped && found !== null) onChange(found.endpoints, found.missing);
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
