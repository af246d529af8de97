import type { Requested } from '../link/messages.js';
import type { AutoscaleSettings } from './autoscaler.js';

export type WorkerState = 'starting' | 'ready' | 'draining' | 'stopped' | 'crashed' | 'backoff';

export type WorkerAddress = { readonly path: string } | { readonly host: string; readonly port: number };

export interface SupervisorOptions {
  /** File of a Node app, or a folder with a package.json; this or `command`. */
  app?: string;
  /** A command and its arguments; gets a port in `PORT` (and for `$PORT` in its arguments). */
  command?: readonly string[];
  /** Arguments of the app. */
  args?: readonly string[];
  count: number;
  /** What the ids of its workers begin with, before the slot; default `worker:`. */
  idPrefix?: string;
  cwd?: string;
  /** On top of the supervisor's own environment. */
  env?: Readonly<Record<string, string>>;
  /** Read at each start of a worker; `env` wins. */
  envFile?: string;
  /** Flags of Node itself, for the app's workers. */
  nodeArgs?: readonly string[];
  /** Milliseconds until a worker must be ready. */
  startTimeout: number;
  /** Ready only once this path is answered with a status below 400. */
  readyPath?: string;
  /** An app that listens is not ready before it calls `process.send('ready')`. */
  readySignal: boolean;
  /** Milliseconds in which a worker must end by itself. */
  stopTimeout: number;
  /** A worker whose event loop is blocked for longer is killed, ms; 0: never. */
  hangTimeout: number;
  /** A worker that takes more bytes of memory is replaced. */
  maxMemory: number;
  autoscale: AutoscaleSettings;
  /** The port that clients reach, where it is known: what `server.address()` answers in an app that asked for port 0. */
  publicPort?: number;
}

/** One process of the app. A worker that comes back after a crash is a new one in the same slot. */
export interface WorkerView {
  /** Id of the endpoint that it is while it takes requests: that of its slot. */
  readonly id: string;
  readonly slot: number;
  readonly pid: number;
  readonly state: WorkerState;
  /** Where it takes connections. */
  readonly address: WorkerAddress;
  /** What the app asked to listen on; null until it did, when it asked for a path, and for foreign commands. */
  readonly requested: Requested | null;
  /** How often this slot has been started again after a crash. */
  readonly restarts: number;
  /** Bytes of memory that the process takes; null: not known, as of foreign commands. */
  readonly memory: number | null;
  /** How busy its event loop was in the last second, from 0 to 1; null: not known. */
  readonly utilization: number | null;
}

export interface CrashInfo {
  readonly code: number | null;
  readonly signal: string | null;
  /** Why the supervisor killed it; null: it ended by itself. */
  readonly reason: string | null;
  /** The last lines of its standard error. */
  readonly stderr: string;
}

/** What the supervisor tells; called for one worker at a time, in the order in which things happen. */
export interface SupervisorHooks {
  /** It takes requests from now on. */
  onReady(worker: WorkerView): void;
  /**
   * It takes no more requests: out of rotation before this returns. When the worker is still alive (`state` is `draining`) the
   * supervisor waits for the promise, bounded by its stop time-out, before it asks the process to end.
   */
  onDown(worker: WorkerView): void | Promise<void>;
  /** It ended by itself, with all it had written already told by `onOutput`. It is started again later. */
  onCrash(worker: WorkerView, info: CrashInfo): void;
  /** A new worker takes over from one that is well, but takes too much. */
  onReplace(worker: WorkerView, reason: string): void;
  /** Autoscaling has changed the number of workers. */
  onScale(count: number, reason: string): void;
  /** Something that was to be done for the workers' good failed; all is as before. */
  onProblem(message: string, error: unknown): void;
  onOutput(worker: WorkerView, stream: 'stdout' | 'stderr', line: string): void;
}
