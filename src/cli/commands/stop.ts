import { callControl, type MultiserverError } from '../../index.js';
import { DONE } from '../exit-codes.js';
import { chooseInstance } from '../instance.js';
import type { Given } from '../values.js';

/** Longer than an instance may take to end: its own stop time-out is what bounds it. */
const PATIENCE = 3_600_000;

/** `stop`: tells the instance to end gracefully and waits until its process is gone. */
export async function stop({ values }: Given): Promise<number> {
  const name = await chooseInstance(values.get('name') as string | undefined);
  // Asked first, so that an instance with nothing to finish cannot be gone before anybody waits.
  const gone = callControl(name, 'wait', undefined, PATIENCE).catch((error: MultiserverError) => error);
  await callControl(name, 'stop');
  await gone;
  process.stdout.write(`${name} has stopped.\n`);
  return DONE;
}
