import { callControl } from '../../index.js';
import { DONE } from '../exit-codes.js';
import { chooseInstance } from '../instance.js';
import type { Given } from '../values.js';

/** Longer than any number of workers takes to start one after another: their start time-out is what bounds it. */
const PATIENCE = 3_600_000;

/** `reload`: waits until every worker is a new one. */
export const reload = (given: Given): Promise<number> => change('reload', undefined, given, 'new ');

/** `scale <n>`: waits until there are so many. */
export const scale = (given: Given, [count]: readonly string[]): Promise<number> => change('scale', count, given, '');

async function change(how: string, input: string | undefined, { values }: Given, kind: string): Promise<number> {
  const name = await chooseInstance(values.get('name') as string | undefined);
  const { workers } = (await callControl(name, how, input, PATIENCE)) as { workers: number };
  process.stdout.write(`${name}: ${workers} ${kind}${workers === 1 ? 'worker serves' : 'workers serve'}.\n`);
  return DONE;
}
