import { availableParallelism } from 'node:os';
import { dirname, resolve } from 'node:path';
import { OPTION_ROWS, type SpawnOptions } from '../../index.js';
import { findApp, isDirectory } from '../app.js';
import { mergeOptions } from '../config.js';
import { serve } from '../serve.js';
import { usageError } from '../usage-error.js';
import { asOptions, type Given } from '../values.js';
import { expectWhere, readCommon } from './common.js';

/** `start [app] [-- args]`, or `start -- <any command>`; `rest` is what stood after the dashes. */
export async function start(named: string | undefined, rest: readonly string[], given: Given): Promise<number> {
  const isTyped = named !== undefined || rest.length > 0;
  const spawn = spawnOptions(given, isTyped ? '.' : given.config?.folder);
  const folder = spawn.cwd;
  if (!isDirectory(folder)) throw usageError(`The directory ${folder} does not exist.`);
  const common = readCommon(given, folder);
  const isWatched = given.values.get('watch') === true;
  const workers = typeof spawn.count === 'number' ? spawn.count : availableParallelism();

  const command = named === undefined && rest.length > 0 ? rest : given.config?.own.app;
  if (named === undefined && Array.isArray(command)) {
    const target = command.join(' ');
    expectWhere(common.where, `start -p 3000 -- ${target}`);
    return serve({
      ...common,
      target,
      workers,
      watched: isWatched ? [folder] : [],
      prepare: (balancer) => balancer.spawn([...command], spawn),
    });
  }
  const app = findApp(named ?? (command as string | undefined), folder);
  const options: SpawnOptions = {
    ...spawn,
    cwd: app.cwd ?? folder,
    args: [...app.args, ...(spawn.args ?? []), ...rest],
    nodeArgs: [...app.nodeArgs, ...(spawn.nodeArgs ?? [])],
    env: { ...app.env, ...spawn.env },
  };
  return serve({
    ...common,
    target: app.label,
    workers,
    watched: isWatched ? [folder, dirname(app.file)] : [],
    prepare: (balancer) => balancer.spawn(app.file, options),
  });
}

/** Paths on the command line are relative to where it was typed, those in the configuration to its file. */
export function spawnOptions(given: Given, folder = '.'): SpawnOptions & { readonly cwd: string } {
  const { config } = given;
  const below = config?.folder ?? '.';
  const file = config?.own.spawn ?? {};
  const asked = asOptions(given, OPTION_ROWS.spawn) as SpawnOptions;
  const { cwd, envFile } = asked;
  const env = envFile === undefined ? file.envFile && resolve(below, file.envFile) : resolve(envFile);
  return {
    ...mergeOptions(file, asked),
    cwd: resolve(cwd ?? (file.cwd === undefined ? folder : resolve(below, file.cwd))),
    ...(env === undefined ? {} : { envFile: env }),
  };
}
