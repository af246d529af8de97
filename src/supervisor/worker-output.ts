import type { ChildProcess } from 'node:child_process';
import { LineSplitter, Tail } from './lines.js';

/** For the pipes to be read to their end once the process is gone; a child of its own that left the group may hold them for ever. */
const END_TIMEOUT = 1000;

/** What a worker writes, line by line, and the last lines of its standard error for the report of its end. */
export class WorkerOutput {
  readonly #tail = new Tail();
  readonly #ends: Promise<void>[] = [];
  readonly #child: ChildProcess;

  constructor(child: ChildProcess, onLine: (stream: 'stdout' | 'stderr', line: string) => void) {
    this.#child = child;
    for (const name of ['stdout', 'stderr'] as const) {
      const stream = child[name];
      // there is none when the process could not be started for want of descriptors
      if (!stream) continue;
      const lines = new LineSplitter((line) => {
        if (name === 'stderr') this.#tail.add(line);
        onLine(name, line);
      });
      stream.on('data', (chunk: Buffer) => lines.push(chunk));
      stream.on('error', () => {});
      this.#ends.push(
        new Promise((resolve) => {
          stream.once('close', () => {
            lines.end();
            resolve();
          });
        }),
      );
    }
  }

  /** Resolves when all is told that the process has written; call it when it has ended. */
  async end(): Promise<string> {
    const timer = setTimeout(() => {
      this.#child.stdout?.destroy();
      this.#child.stderr?.destroy();
    }, END_TIMEOUT);
    await Promise.all(this.#ends);
    clearTimeout(timer);
    return this.#tail.text();
  }
}
