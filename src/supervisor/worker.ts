import { spawn, type ChildProcess } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { MultiserverError } from '../errors.js';
import { Link } from '../link/link.js';
import { readWorkerMessage, type Requested, type SupervisorMessage, type WorkerMessage } from '../link/messages.js';
import type { GroupGuard } from './group-guard.js';
import type { Launch } from './launch.js';
import { untilAccepts, untilAnswers } from './readiness.js';
import type { CrashInfo, SupervisorOptions, WorkerAddress, WorkerState, WorkerView } from './types.js';
import { WorkerOutput } from './worker-output.js';

export interface WorkerInit {
  readonly slot: number;
  readonly restarts: number;
  /** How the app is called in messages. */
  readonly name: string;
  readonly launch: Launch;
  readonly guard: GroupGuard;
  readonly options: SupervisorOptions;
  readonly onOutput: (worker: Worker, stream: 'stdout' | 'stderr', line: string) => void;
  /** Ready; again after `onClosing`, when the app listens anew. */
  readonly onReady: (worker: Worker) => void;
  /** The process is no longer one to send requests to: the app closed its server, or the process ended. */
  readonly onDown: (worker: Worker) => void;
}

/**
 * One process of the app from its start to its end, whose state moves
 *
 *     starting → ready → draining → stopped        asked to end
 *        └─────────┴────→ crashed → backoff → stopped   ended by itself; stopped when its successor starts
 */
export class Worker implements WorkerView {
  readonly id: string;
  readonly slot: number;
  readonly restarts: number;
  readonly address: WorkerAddress;
  readonly pid: number;
  state: WorkerState = 'starting';
  requested: Requested | null = null;
  readyAt = 0;
  /** When its event loop was last known to turn. */
  lastBeat = 0;
  memory: number | null = null;
  utilization: number | null = null;
  /** Resolves when it is ready, rejects with MS_WORKER_START_FAILED when it ended or was given up before. */
  readonly started: Promise<void>;
  /** Resolves, never rejects, once the process has ended and its output is told. */
  readonly ended: Promise<CrashInfo>;

  readonly #init: WorkerInit;
  readonly #child: ChildProcess;
  readonly #link: Link<WorkerMessage, SupervisorMessage> | null;
  readonly #output: WorkerOutput;
  readonly #giveUp = new AbortController();
  /** Why it is not running, when that is known better than by its exit code. */
  #reason: MultiserverError | null = null;
  #hung: string | null = null;
  #leftAlone: string[] = [];
  #listening = false;
  #signalled: boolean;
  #settle!: { resolve: () => void; reject: (error: Error) => void };
  #timer: NodeJS.Timeout;

  constructor(init: WorkerInit) {
    const { launch, options } = init;
    this.#init = init;
    this.slot = init.slot;
    this.id = `${options.idPrefix ?? 'worker:'}${init.slot}`;
    this.restarts = init.restarts;
    this.address = launch.address;
    this.#signalled = !options.readySignal || !launch.linked;
    this.started = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    // whoever waits for the start hears of it; nobody does when the supervisor itself gives up
    this.started.catch(() => {});

    this.#child = spawn(launch.file, launch.args, {
      cwd: launch.cwd,
      env: launch.env,
      // a process group of its own, by which all that it starts can be ended with it
      detached: true,
      stdio: launch.linked ? ['ignore', 'pipe', 'pipe', 'pipe'] : ['ignore', 'pipe', 'pipe'],
    });
    this.pid = this.#child.pid ?? 0;
    if (this.pid !== 0) init.guard.add(this.pid);
    this.#child.on('error', (error) => this.#fail(notStarted(init.name, error)));
    this.#output = new WorkerOutput(this.#child, (stream, line) => init.onOutput(this, stream, line));
    this.#link = launch.linked ? this.#openLink() : null;
    this.#timer = this.#armTimer();
    this.ended = this.#watchEnd();
    if (!launch.linked)
      untilAccepts(launch.address, this.#giveUp.signal).then(
        () => this.#onListening(null),
        () => {},
      );
  }

  /** Its end is no crash from now on. */
  drain(): void {
    if (this.alive) this.state = 'draining';
    clearTimeout(this.#timer);
  }

  /** Asks the process to end, and ends it after `timeout` milliseconds. */
  async stop(timeout: number): Promise<void> {
    this.drain();
    // a shell or npm does not pass signals on; of a Node app the processes it started may be needed until it has ended
    this.#signal('SIGTERM', !this.#init.launch.linked);
    const timer = setTimeout(() => this.kill(), timeout);
    await this.ended;
    clearTimeout(timer);
  }

  /** Ends it at once, with all that it started. */
  kill(): void {
    this.drain();
    this.#signal('SIGKILL', true);
  }

  /** Kills it as one that has crashed; no request is sent to it any more when that happens. */
  endHanging(reason: string): void {
    if (this.state !== 'ready') return;
    this.#hung = reason;
    this.#init.onDown(this);
    this.#signal('SIGKILL', true);
  }

  get alive(): boolean {
    return this.pid !== 0 && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  tell(message: SupervisorMessage): void {
    this.#link?.send(message);
  }

  #signal(signal: NodeJS.Signals, group: boolean): void {
    if (!this.alive) return;
    try {
      process.kill(group ? -this.pid : this.pid, signal);
    } catch {
      // it ended in this moment
    }
  }

  #openLink(): Link<WorkerMessage, SupervisorMessage> | null {
    const socket = this.#child.stdio[3] as Duplex | null | undefined;
    if (!socket) return null;
    return new Link<WorkerMessage, SupervisorMessage>(socket, readWorkerMessage, {
      onMessage: (message) => this.#onMessage(message),
      onClose: () => {},
    });
  }

  #onMessage(message: WorkerMessage): void {
    switch (message.type) {
      case 'listening':
        return this.#onListening(message.requested);
      case 'ready':
        this.#signalled = true;
        return this.#readyIf();
      case 'closing':
        this.#listening = false;
        if (this.state !== 'ready') return;
        // it may listen again, or end when its last answer has left
        this.state = 'starting';
        this.#timer = this.#armTimer();
        return this.#init.onDown(this);
      case 'beat':
        this.lastBeat = performance.now();
        this.memory = message.memory;
        this.utilization = message.utilization;
        return;
      case 'left-alone':
        if (this.#leftAlone.length < 10) this.#leftAlone.push(message.what);
        return;
      case 'refused':
        if (this.state === 'starting') this.#fail(new MultiserverError('MS_UNSUPPORTED', message.sentence));
        return;
    }
  }

  #onListening(requested: Requested | null): void {
    this.#listening = true;
    this.requested = requested;
    this.#readyIf();
  }

  #readyIf(): void {
    if (this.state !== 'starting' || !this.#listening || !this.#signalled) return;
    const { readyPath } = this.#init.options;
    if (readyPath === undefined) return this.#becomeReady();
    untilAnswers(this.address, readyPath, this.#giveUp.signal).then(
      () => this.#becomeReady(),
      () => {},
    );
  }

  #becomeReady(): void {
    if (this.state !== 'starting' || !this.#listening || !this.alive) return;
    clearTimeout(this.#timer);
    this.state = 'ready';
    this.readyAt = this.lastBeat = performance.now();
    this.#init.onReady(this);
    this.#settle.resolve();
  }

  #fail(reason: MultiserverError): void {
    this.#reason ??= reason;
    this.#signal('SIGKILL', true);
  }

  #armTimer(): NodeJS.Timeout {
    return setTimeout(() => this.#timeOut(), this.#init.options.startTimeout);
  }

  #timeOut(): void {
    if (this.state !== 'starting') return;
    const { name, launch, options } = this.#init;
    const missing = !this.#listening
      ? launch.linked
        ? 'did not listen'
        : 'did not accept connections on the port in PORT'
      : this.#signalled
        ? `did not answer ${options.readyPath} with a status below 400`
        : "did not call process.send('ready')";
    const hint = this.#leftAlone.length > 0 ? ` It opened ${this.#leftAlone.join(' and ')}, which is left alone.` : '';
    this.#fail(
      new MultiserverError(
        'MS_WORKER_START_FAILED',
        `${name} ${missing} within ${options.startTimeout / 1000} s and was ended.${hint}`,
      ),
    );
  }

  async #watchEnd(): Promise<CrashInfo> {
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
      this.#child.once('exit', (...how) => resolve(how));
      if (this.pid === 0) this.#child.once('error', () => resolve([null, null]));
    });
    clearTimeout(this.#timer);
    this.#giveUp.abort();
    this.#endGroup();
    const wasReady = this.state === 'ready';
    const asked = this.state === 'draining';
    this.state = asked ? 'stopped' : 'crashed';
    if (wasReady) this.#init.onDown(this);
    const stderr = await this.#output.end();
    this.#link?.close();
    this.#settle.reject(this.#startFailure(code, signal, stderr));
    return { code, signal, reason: this.#hung, stderr };
  }

  /** What the process leaves behind of its group ends with it. The kernel gives its id to nobody else while one of the group lives. */
  #endGroup(): void {
    if (this.pid === 0) return;
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch {
      // nothing is left of it
    }
    this.#init.guard.remove(this.pid);
  }

  #startFailure(code: number | null, signal: string | null, stderr: string): MultiserverError {
    const what = this.#reason?.message ?? `${this.#init.name} ${describeEnd(code, signal)} before it was ready.`;
    const { code: errorCode = 'MS_WORKER_START_FAILED', cause } = this.#reason ?? {};
    return new MultiserverError(errorCode, withStderr(what, stderr), { cause });
  }
}

export function endedEarly(name: string, { code, signal, stderr }: CrashInfo): MultiserverError {
  return new MultiserverError(
    'MS_WORKER_START_FAILED',
    withStderr(`${name} ${describeEnd(code, signal)} right after it was ready.`, stderr),
  );
}

function withStderr(what: string, stderr: string): string {
  return stderr === '' ? what : `${what} The last lines of its standard error:\n${stderr}`;
}

function describeEnd(code: number | null, signal: string | null): string {
  return signal === null ? `exited with code ${code}` : `was ended by ${signal}`;
}

function notStarted(name: string, error: NodeJS.ErrnoException): MultiserverError {
  const why =
    error.code === 'ENOENT'
      ? 'there is no such command'
      : error.code === 'EACCES'
        ? 'it is not executable'
        : error.message;
  return new MultiserverError('MS_WORKER_START_FAILED', `${name} could not be started: ${why}.`, { cause: error });
}
