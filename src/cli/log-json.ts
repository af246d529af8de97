import type { BootSummary, Level, Log, Writer } from './log.js';

/** One JSON object a line: `time`, `level`, `event`, `message` and what belongs to the event. */
export class JsonLog implements Log {
  readonly #stream: NodeJS.WritableStream;
  readonly #quiet: boolean;

  constructor(stream: NodeJS.WritableStream, quiet: boolean) {
    this.#stream = stream;
    this.#quiet = quiet;
  }

  event(level: Level, event: string, message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    if (this.#quiet && level === 'info') return;
    this.#stream.write(`${JSON.stringify({ time: new Date(), level, event, message, ...fields })}\n`);
  }

  output({ slot, pid }: Writer, stream: 'stdout' | 'stderr', line: string): void {
    const level = stream === 'stderr' ? 'error' : 'info';
    const record = { time: new Date(), level, event: 'output', message: line, worker: slot, pid, stream };
    this.#stream.write(`${JSON.stringify(record)}\n`);
  }

  progress(): void {}

  boot({ addresses, ...summary }: BootSummary): void {
    this.event('info', 'boot', `Listening on ${addresses.join(', ')}`, { addresses, ...summary, pid: process.pid });
  }
}
