import type { Endpoint } from '../balance/index.js';
import { MultiserverError } from '../errors.js';
import type { ListenAddress } from '../listener/address.js';
import type { ResolvedSpawnOptions } from '../option-types.js';
import type { WorkerEndpoints } from '../proxy/worker-endpoints.js';
import { parseCount } from '../supervisor/count.js';
import { Supervisor, type WorkerView } from '../supervisor/supervisor.js';
import type { Tell } from './events.js';

interface App {
  /** From 1, in the order in which they were spawned. */
  readonly number: number;
  readonly supervisor: Supervisor;
  /** The endpoints that its workers are. */
  readonly endpoints: WorkerEndpoints;
}

/** The apps that a balancer has spawned. */
export class Apps {
  readonly #tell: Tell;
  readonly #onProblem: (message: string, error: unknown) => void;
  readonly #apps: App[] = [];

  constructor(tell: Tell, onProblem: (message: string, error: unknown) => void) {
    this.#tell = tell;
    this.#onProblem = onProblem;
  }

  get workers(): readonly WorkerView[] {
    return this.#apps.flatMap(({ supervisor }) => supervisor.workers);
  }

  async spawn(
    what: string | readonly string[],
    { readyPath, cwd, envFile, ...options }: Omit<ResolvedSpawnOptions, 'pool'>,
    publicPort: number | undefined,
    endpoints: WorkerEndpoints,
  ): Promise<Endpoint[]> {
    const number = this.#freeNumber();
    const supervisor = new Supervisor(
      {
        ...(typeof what === 'string' ? { app: what } : { command: what }),
        ...options,
        // The first one's ids are the plain ones; all are the same after a restart and in every balancer that spawns the same apps.
        idPrefix: number === 1 ? 'worker:' : `worker:${number}.`,
        ...(cwd === undefined ? {} : { cwd }),
        ...(envFile === undefined ? {} : { envFile }),
        ...(readyPath === undefined ? {} : { readyPath }),
        ...(publicPort === undefined ? {} : { publicPort }),
      },
      {
        onReady: (worker) => endpoints.onReady(worker),
        onDown: (worker) => endpoints.onDown(worker),
        onCrash: (worker, info) => this.#tell('crash', worker, info),
        onReplace: (worker, reason) => this.#tell('replace', worker, { reason }),
        onScale: (number, reason) => this.#tell('scale', number, { reason }),
        onProblem: this.#onProblem,
        onOutput: (worker, stream, line) => this.#tell('output', worker, stream, line),
      },
    );
    const app = { number, supervisor, endpoints };
    this.#apps.push(app);
    endpoints.expect(supervisor);
    try {
      return endpointsOf(app, await supervisor.start());
    } catch (error) {
      this.#apps.splice(this.#apps.indexOf(app), 1);
      endpoints.forget(supervisor);
      throw error;
    }
  }

  #freeNumber(): number {
    let number = 1;
    while (this.#apps.some((app) => app.number === number)) number++;
    return number;
  }

  async reload(): Promise<Endpoint[]> {
    const endpoints: Endpoint[] = [];
    for (const app of this.#apps) endpoints.push(...endpointsOf(app, await app.supervisor.reload()));
    return endpoints;
  }

  async scale(count: number | string): Promise<Endpoint[]> {
    const [app, ...more] = this.#apps;
    if (app === undefined) throw new MultiserverError('MS_NOT_RUNNING', 'There is no spawned app to scale.');
    if (more.length > 0)
      throw new MultiserverError('MS_UNSUPPORTED', 'Several apps were spawned: it is not clear which to scale.');
    const { supervisor } = app;
    return endpointsOf(app, await supervisor.scale(parseCount(count, supervisor.workers.length)));
  }

  /** What the first app asked to listen on. */
  requested(): ListenAddress {
    for (const { requested } of this.workers) {
      if (requested === null) continue;
      const { host, port } = requested;
      return host === undefined ? { port } : { host, port };
    }
    throw new MultiserverError(
      'MS_INVALID_OPTION',
      'There is no address to listen on: the app asked for none. Give one: listen(3000), or -p 3000 on the command line.',
    );
  }

  setPublicPort(port: number): void {
    for (const { supervisor } of this.#apps) supervisor.setPublicPort(port);
  }

  async stop(timeout: number): Promise<void> {
    await Promise.all(this.#apps.map(({ supervisor }) => supervisor.stop(timeout)));
  }

  kill(): void {
    for (const { supervisor } of this.#apps) supervisor.kill();
  }
}

function endpointsOf({ endpoints }: App, workers: readonly WorkerView[]): Endpoint[] {
  return workers.map((worker) => endpoints.get(worker)).filter((endpoint) => endpoint !== undefined);
}
