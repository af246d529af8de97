import { availableParallelism } from 'node:os';
import { dirname, resolve } from 'node:path';
import { OPTION_ROWS, type SpawnOptions } from '../../index.js';
import { findApp, isDirectory } from '../app.js';
import { serve } from '../serve.js';
import { usageError } from '../usage-error.js';
import { asOptions, type Given } from '../values.js';
import { expectWhere, readCommon } from './common.js';

/** `start [app] [-- args]`, or `start -- <any command>`; `rest` is what stood after the dashes. */
export async function start(name: string | undefined, rest: readonly string[], given: Given): Promise<number> {
  const folder = resolve((given.values.get('cwd') as string | undefined) ?? '.');
  if (!isDirectory(folder)) throw usageError(`The directory ${folder} does not exist.`);
  const common = readCommon(given, folder);
  const asked = asOptions(given, OPTION_ROWS.spawn) as SpawnOptions;
  const spawn: SpawnOptions = {
    ...asked,
    cwd: folder,
    ...(asked.envFile === undefined ? {} : { envFile: resolve(asked.envFile) }),
  };
  const isWatched = given.values.get('watch') === true;
  const workers = typeof spawn.count === 'number' ? spawn.count : availableParallelism();

  if (name === undefined && rest.length > 0) {
    const target = rest.join(' ');
    expectWhere(common.where, `start -p 3000 -- ${target}`);
    return serve({
      ...common,
      target,
      workers,
      watched: isWatched ? [folder] : [],
      prepare: (balancer) => balancer.spawn([...rest], spawn),
    });
  }
  const app = findApp(name, folder);
  const options: SpawnOptions = {
    ...spawn,
    cwd: app.cwd ?? folder,
    args: [...app.args, ...rest],
    nodeArgs: [...app.nodeArgs, ...(spawn.nodeArgs ?? [])],
    env: app.env,
  };
  return serve({
    ...common,
    target: app.label,
    workers,
    watched: isWatched ? [folder, dirname(app.file)] : [],
    prepare: (balancer) => balancer.spawn(app.file, options),
  });
}
