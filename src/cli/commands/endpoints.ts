import { callControl } from '../../index.js';
import { DONE } from '../exit-codes.js';
import { chooseInstance } from '../instance.js';
import type { ChangedEndpoint } from '../steering.js';
import type { Given } from '../values.js';

/** `drain <endpoint>` */
export const drain = (given: Given, operands: readonly string[]): Promise<number> => change('drain', given, operands);

/** `maintenance <endpoint>` */
export const maintenance = (given: Given, operands: readonly string[]): Promise<number> =>
  change('maintenance', given, operands);

/** `resume <endpoint>` */
export const resume = (given: Given, operands: readonly string[]): Promise<number> => change('resume', given, operands);

async function change(command: string, { values }: Given, [endpoint]: readonly string[]): Promise<number> {
  const name = await chooseInstance(values.get('name') as string | undefined);
  const changed = (await callControl(name, command, endpoint)) as readonly ChangedEndpoint[];
  for (const { id, pool, state, inFlight } of changed) {
    const which = changed.length === 1 ? id : `${id} of pool ${pool}`;
    const how = state === 'maintenance' ? 'in maintenance' : state;
    process.stdout.write(
      `${which} is ${how}, with ${inFlight} ${inFlight === 1 ? 'request' : 'requests'} in progress.\n`,
    );
  }
  return DONE;
}
