import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MultiserverError } from '../errors.js';
import { readEnvFile } from '../options/env-file.js';
import { checkFolder, findApp } from './app-file.js';
import { beatInterval } from './guards.js';
import { LINK_VARIABLE, type PreloadSettings } from './preload/settings.js';
import type { SupervisorOptions, WorkerAddress } from './types.js';

/** All that is needed to start one process of the app. */
export interface Launch {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly address: WorkerAddress;
  /** A Node worker with the preload, which reports through the link; else a foreign command, which is ready when it accepts. */
  readonly linked: boolean;
}

export interface LaunchContext {
  readonly slot: number;
  readonly count: number;
  readonly publicPort: number | undefined;
}

/** Makes one launch after another; files are looked up anew at each, so that a reload finds what is there now. */
export interface Launcher {
  /** How the app is called in messages. */
  readonly name: string;
  prepare(context: LaunchContext): Promise<Launch>;
}

const PRELOAD = fileURLToPath(new URL('./preload.cjs', import.meta.url));

function environment(
  options: SupervisorOptions,
  { slot, count }: LaunchContext,
  own: Record<string, string>,
): NodeJS.ProcessEnv {
  return {
    ...process.env,
    ...(options.envFile === undefined ? {} : readEnvFile(options.envFile)),
    ...options.env,
    MULTISERVER_WORKER: String(slot),
    MULTISERVER_WORKER_COUNT: String(count),
    ...own,
  };
}

function nodeLauncher(options: SupervisorOptions, app: string, cwd: string, sockets: string): Launcher {
  let started = 0;
  return {
    name: app,
    async prepare(context) {
      const { file, nodeArgs } = findApp(app, cwd);
      const path = join(sockets, `${context.slot}-${(started += 1)}`);
      const settings: PreloadSettings = {
        supervisor: process.pid,
        path,
        publicPort: context.publicPort ?? null,
        beatInterval: beatInterval(options),
      };
      return {
        file: process.execPath,
        // flags rather than NODE_OPTIONS, which every process that the app starts would inherit
        args: [...(options.nodeArgs ?? []), '--require', PRELOAD, ...nodeArgs, file, ...(options.args ?? [])],
        cwd,
        env: environment(options, context, { [LINK_VARIABLE]: JSON.stringify(settings) }),
        address: { path },
        linked: true,
      };
    },
  };
}

const LOOPBACK = '127.0.0.1';

/** A port that nobody has at this moment; the command must bind it before anybody else does, which is the price of foreign commands. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host: LOOPBACK, port: 0 }, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

function commandLauncher(options: SupervisorOptions, command: readonly string[], cwd: string): Launcher {
  const guard =
    options.hangTimeout > 0
      ? 'hangTimeout'
      : options.maxMemory !== Infinity
        ? 'maxMemory'
        : options.autoscale.max > 0
          ? 'autoscale'
          : null;
  if (guard !== null)
    throw new MultiserverError(
      'MS_UNSUPPORTED',
      `Option "${guard}" needs a Node app, which is told apart from any other command by its file: start app.js, not start -- node app.js.`,
    );
  const [file = '', ...args] = command;
  return {
    name: command.join(' '),
    async prepare(context) {
      const port = await freePort();
      // no shell stands between the command line and the command, so nobody else would fill it in
      const fill = (arg: string): string => arg.replace(/\$PORT\b|\$\{PORT\}/g, String(port));
      return {
        file,
        args: [...args, ...(options.args ?? [])].map(fill),
        cwd,
        env: environment(options, context, { PORT: String(port) }),
        address: { host: LOOPBACK, port },
        linked: false,
      };
    },
  };
}

/** `sockets` is the private folder for the workers' sockets. */
export function createLauncher(options: SupervisorOptions, sockets: string): Launcher {
  const cwd = options.cwd ?? process.cwd();
  checkFolder(cwd);
  if (options.command !== undefined && options.command.length > 0)
    return commandLauncher(options, options.command, cwd);
  if (options.app !== undefined) return nodeLauncher(options, options.app, cwd, sockets);
  throw new MultiserverError('MS_INVALID_OPTION', 'Neither an app nor a command to start was given.');
}
