import { callControl, instanceName, MultiserverError, runningInstances } from '../../index.js';
import { DONE } from '../exit-codes.js';
import type { Given } from '../values.js';

/** Longer than an instance may take to end: its own stop time-out is what bounds it. */
const PATIENCE = 3_600_000;

/** `stop`: tells the instance to end gracefully and waits until its process is gone. */
export async function stop({ values }: Given): Promise<number> {
  const name = instanceName(values.get('name') as string | undefined, process.cwd());
  // Asked first, so that an instance with nothing to finish cannot be gone before anybody waits.
  const gone = callControl(name, 'wait', undefined, PATIENCE).catch((error: MultiserverError) => error);
  try {
    await callControl(name, 'stop');
  } catch (error) {
    throw await withOthers(error, name);
  }
  await gone;
  process.stdout.write(`${name} has stopped.\n`);
  return DONE;
}

async function withOthers(error: unknown, name: string): Promise<unknown> {
  if (!(error instanceof MultiserverError) || error.code !== 'MS_NOT_RUNNING') return error;
  const others = await runningInstances();
  const hint = others.length === 0 ? 'no other is either' : `choose with --name: ${others.join(', ')}`;
  return new MultiserverError('MS_NOT_RUNNING', `No instance named ${name} is running; ${hint}.`, { cause: error });
}
