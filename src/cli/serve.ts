import { constants } from 'node:os';
import { relative } from 'node:path';
import {
  instanceName,
  LoadBalancer,
  MultiserverError,
  VERSION,
  type Control,
  type ListenAddress,
  type LoadBalancerOptions,
  type MultiserverConfig,
} from '../index.js';
import { expectFree, showAddress } from './addresses.js';
import { DONE } from './exit-codes.js';
import { foldersOf, openInstance, type InstanceId } from './instance.js';
import type { Log } from './log.js';
import { narrate } from './narrate.js';
import { Reloading, watchTerminal } from './reloading.js';
import { SourceWatcher } from './source-watcher.js';
import { changeEndpoint } from './steering.js';

export interface ServeSettings {
  readonly id: InstanceId;
  readonly log: Log;
  readonly options: LoadBalancerOptions;
  /** Where to listen; empty: where the app asked to. */
  readonly where: readonly ListenAddress[];
  /** What is balanced, for people. */
  readonly target: string;
  /** How many workers will come up; 0: none. */
  readonly workers: number;
  /** Folders whose sources start the workers anew when they change. */
  readonly watched: readonly string[];
  /** The user's own, before anything is started. */
  readonly setup: MultiserverConfig['setup'];
  /** Spawns the workers or adds the endpoints. */
  prepare(balancer: LoadBalancer): Promise<unknown>;
}

/** The life of `start` and `proxy`: up, until a signal or `multiserver stop` ends it; SIGHUP reloads. Gives the exit code. */
export async function serve(settings: ServeSettings): Promise<number> {
  const { id, log, where } = settings;
  const balancer = new LoadBalancer(settings.options);
  narrate(balancer, log);
  const ending = new Ending(balancer, log);
  const reloading = new Reloading(balancer, log);
  const isTerminalGone = watchTerminal();
  let control: Control | undefined;
  try {
    const opened = await openControl(id, balancer, ending, reloading, log);
    control = opened.control;
    ending.onSignals();
    onHangUp(isTerminalGone, ending, reloading);
    await expectFree(where);
    await settings.setup?.(balancer);
    showProgress(balancer, settings);
    if (!ending.begun) await settings.prepare(balancer);
    if (!ending.begun) boot(balancer, opened.name, settings, (await balancer.listen(...where)).map(showAddress));
  } catch (error) {
    log.progress(null);
    // Whatever fails after the end was asked for fails because of it.
    if (!ending.begun) {
      await balancer.close({ timeout: 0 });
      control?.close();
      throw error;
    }
  }
  const watcher = watchSources(settings.watched, log, (path) => {
    if (!ending.begun) reloading.reload(`${relative('.', path)} has changed`).catch(() => {}); // it is in the log
  });
  await ending.done;
  watcher.close();
  control?.close();
  log.event('info', 'stopped', 'Stopped');
  if (isTerminalGone()) endByHangUp();
  return DONE;
}

/** Stops the balancer gracefully when first asked to, and at once when asked again. */
class Ending {
  readonly #balancer: LoadBalancer;
  readonly #log: Log;
  #settle!: (closed: Promise<void>) => void;
  readonly done = new Promise<void>((resolve) => (this.#settle = resolve));
  begun = false;

  constructor(balancer: LoadBalancer, log: Log) {
    this.#balancer = balancer;
    this.#log = log;
  }

  begin(reason: string): void {
    const closed = this.#balancer.close();
    if (this.begun) {
      closed.catch(() => {}); // the first call's promise is the one that `done` follows
      return;
    }
    this.begun = true;
    this.#log.progress(null);
    this.#log.event('info', 'stop', `${reason}: finishing what is in progress; once more ends it at once`);
    this.#settle(closed);
  }

  onSignals(): void {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        const again = this.begun;
        this.begin(signal);
        if (!again) return;
        const exit = () => process.exit(128 + constants.signals[signal]);
        this.done.then(exit, exit);
        setTimeout(exit, 2000);
      });
    }
  }
}

function watchSources(folders: readonly string[], log: Log, onChange: (path: string) => void): SourceWatcher {
  const onProblem = (message: string) => log.event('warn', 'watch', `--watch: ${message}`);
  return new SourceWatcher(folders, { onChange, onProblem });
}

function onHangUp(isTerminalGone: () => boolean, ending: Ending, reloading: Reloading): void {
  process.on('SIGHUP', () => {
    if (isTerminalGone()) ending.begin('the terminal was closed');
    else reloading.reload('SIGHUP').catch(() => {}); // it is in the log
  });
}

/** As whatever ran in that terminal ends. (A Node process that exits without its terminal aborts: it cannot be set back.) */
function endByHangUp(): void {
  process.removeAllListeners('SIGHUP');
  process.kill(process.pid, 'SIGHUP');
}

/** Without a control socket the app can be served all the same; under a name that is taken it could not be told from the other. */
async function openControl(
  id: InstanceId,
  balancer: LoadBalancer,
  ending: Ending,
  reloading: Reloading,
  log: Log,
): Promise<{ name: string; control: Control | undefined }> {
  const folders = foldersOf(id);
  try {
    return await openInstance(id, (name) => ({
      status: () => ({ name, folders, ...balancer.status() }),
      stop: () => ending.begin('multiserver stop'),
      reload: async () => ({ workers: await reloading.reload('multiserver reload') }),
      drain: (endpoint) => changeEndpoint(balancer, 'drain', endpoint),
      maintenance: (endpoint) => changeEndpoint(balancer, 'maintenance', endpoint),
      resume: (endpoint) => changeEndpoint(balancer, 'resume', endpoint),
      scale: async (count) => ({ workers: await reloading.scale(count as string) }),
      /** Never answered: its caller sees the end of this process as the end of the connection. */
      wait: () => new Promise(() => {}),
    }));
  } catch (error) {
    if (!(error instanceof MultiserverError) || error.code !== 'MS_CONTROL_FAILED') throw error;
    log.event('warn', 'control', `status and stop will not find this instance: ${error.message}`);
    return { name: instanceName(id.given, id.folder), control: undefined };
  }
}

function showProgress(balancer: LoadBalancer, { log, workers, target }: ServeSettings): void {
  if (workers === 0) return;
  let ready = 0;
  const show = () =>
    log.progress(
      `${'▰'.repeat(ready)}${'▱'.repeat(workers - ready)} ${ready} of ${workers} workers of ${target} ready`,
    );
  show();
  balancer.events.on('ready', () => {
    if (ready < workers && ++ready < workers) show();
  });
}

function boot(
  balancer: LoadBalancer,
  name: string,
  { target, log }: ServeSettings,
  addresses: readonly string[],
): void {
  const { algorithm, endpoints } = balancer.status();
  log.boot({ version: VERSION, name, addresses, target, endpoints: endpoints.length, algorithm });
}
