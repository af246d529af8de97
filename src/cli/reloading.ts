import { openSync, closeSync } from 'node:fs';
import type { LoadBalancer } from '../index.js';
import type { Log } from './log.js';

/** Starts the workers anew, or changes their number, and tells how it went. */
export class Reloading {
  readonly #balancer: LoadBalancer;
  readonly #log: Log;
  #current: Promise<unknown> = Promise.resolve();
  /** Begins when the current one is over; all who ask in the meantime share it. */
  #next: Promise<number> | null = null;

  constructor(balancer: LoadBalancer, log: Log) {
    this.#balancer = balancer;
    this.#log = log;
  }

  /** Resolves with the number of workers, all of them started after the call. */
  reload(reason: string): Promise<number> {
    this.#next ??= this.#current
      .catch(() => {})
      .then(() => {
        this.#current = this.#next!;
        this.#next = null;
        return this.#reload(reason);
      });
    return this.#next;
  }

  async scale(count: number | string): Promise<number> {
    const { length } = await this.#balancer.scale(count);
    this.#log.event('info', 'scaled', `${workers(length)} from now on`, { workers: length });
    return length;
  }

  async #reload(reason: string): Promise<number> {
    this.#log.event('info', 'reload', `${reason}: replacing the workers one by one`);
    const begun = performance.now();
    try {
      const { length } = await this.#balancer.reload();
      const ms = Math.round(performance.now() - begun);
      this.#log.event('info', 'reloaded', `${workers(length)} replaced in ${(ms / 1000).toFixed(1)} s`, {
        workers: length,
        ms,
      });
      return length;
    } catch (error) {
      const { message } = error as Error;
      this.#log.event('error', 'reload-failed', `The workers were not replaced; the old ones serve on: ${message}`);
      throw error;
    }
  }
}

const workers = (count: number): string => (count === 1 ? '1 worker' : `${count} workers`);

/**
 * Says whether the terminal that this runs in is gone, which is the other meaning of SIGHUP. With `nohup`, or where there never was a
 * terminal, it never is.
 */
export function watchTerminal(): () => boolean {
  const inTerminal = process.stdout.isTTY || process.stderr.isTTY;
  return () => inTerminal && !canOpen('/dev/tty');
}

function canOpen(path: string): boolean {
  try {
    closeSync(openSync(path, 'r'));
    return true;
  } catch {
    return false;
  }
}
