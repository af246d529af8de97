import { randomUUID } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';

/** How often whoever holds the lock shows that he lives, and after what time without it he does not, ms. */
const HEARTBEAT = 5000;
const DEAD = 30_000;

/**
 * A file that is there while one of the processes that share its folder does what only one shall do; they may be on several machines.
 * Whether its holder lives is seen by whether the time of the file moves, not by that time itself: clocks differ.
 */
export class LockFile {
  readonly #path: string;
  readonly #now: () => number;
  /** Of a lock that another has: time of the file, and since when it is that. */
  #seen = { time: NaN, since: 0 };

  /** `now`: ms, of a clock that is never set. */
  constructor(path: string, now: () => number) {
    this.#path = path;
    this.#now = now;
  }

  /** Undefined: another process has it. What it returns gives it back. A holder that was killed keeps it for half a minute. */
  take(): (() => void) | undefined {
    const mine = `${process.pid} ${randomUUID()}\n`;
    if (!create(this.#path, mine)) {
      // Should two do this at the same moment, both get it, and both order: a waste, no more.
      if (!this.#isDead()) return undefined;
      rmSync(this.#path, { force: true });
      if (!create(this.#path, mine)) return undefined;
    }
    const heart = setInterval(() => touch(this.#path), HEARTBEAT).unref();
    return () => {
      clearInterval(heart);
      giveBack(this.#path, mine);
    };
  }

  #isDead(): boolean {
    const time = timeOf(this.#path);
    if (time === undefined) return false;
    if (time !== this.#seen.time) this.#seen = { time, since: this.#now() };
    return this.#now() - this.#seen.since > DEAD;
  }
}

function create(path: string, content: string): boolean {
  try {
    writeFileSync(path, content, { mode: 0o600, flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function giveBack(path: string, mine: string): void {
  try {
    if (readFileSync(path, 'latin1') === mine) rmSync(path);
  } catch {
    // gone already; or it cannot be removed, and others wait until it is dead
  }
}

/** Opens the file: over a network only that asks for its time as it is now (NFS: "close to open"). */
function timeOf(path: string): number | undefined {
  try {
    const file = openSync(path, 'r');
    try {
      return fstatSync(file).mtimeMs;
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined; // given back meanwhile
  }
}

function touch(path: string): void {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch {
    // taken away; whoever has it now orders in vain, no more
  }
}
