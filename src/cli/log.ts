import { JsonLog } from './log-json.js';
import { PrettyLog } from './log-pretty.js';

export type Level = 'info' | 'warn' | 'error';

/** What is known of whoever wrote a line. */
export interface Writer {
  readonly slot: number;
  readonly pid: number;
}

/** Where everything goes that `start` and `proxy` have to say. */
export interface Log {
  /** One thing that happened: one line. `fields` are for machines, `message` is for people. */
  event(level: Level, event: string, message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** A line that a worker wrote. */
  output(writer: Writer, stream: 'stdout' | 'stderr', line: string): void;
  /** What is going on right now, in a terminal only; null: nothing any more. */
  progress(text: string | null): void;
  /** The start-up screen, or its line. */
  boot(summary: BootSummary): void;
}

export interface BootSummary {
  readonly version: string;
  readonly name: string;
  /** Bound addresses as URLs or paths. */
  readonly addresses: readonly string[];
  /** What is balanced: the app, the command or the endpoints. */
  readonly target: string;
  readonly endpoints: number;
  readonly algorithm: string;
}

export type LogFormat = 'pretty' | 'json';

/** Pretty in a terminal and JSON lines elsewhere, unless `format` says which. `quiet` leaves out what is neither warning nor error. */
export function createLog(format: LogFormat | undefined, quiet: boolean): Log {
  // Whoever read the output may be gone (`multiserver start | head`): no reason to stop serving.
  process.stdout.on('error', () => {});
  process.stderr.on('error', () => {});
  const pretty = format === undefined ? process.stdout.isTTY : format === 'pretty';
  return pretty ? new PrettyLog(process.stdout, quiet) : new JsonLog(process.stdout, quiet);
}
