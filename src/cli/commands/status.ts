import { callControl, MultiserverError, runningInstances, type BalancerStatus } from '../../index.js';
import { showAddress } from '../addresses.js';
import { DONE, NOT_RUNNING } from '../exit-codes.js';
import { styleOf, type Style } from '../style.js';
import { age, table } from '../table.js';
import type { Given } from '../values.js';

export type InstanceStatus = BalancerStatus & { readonly name: string };

/** `status`: all instances of this user, or the one that is named. */
export async function status({ values }: Given): Promise<number> {
  const name = values.get('name') as string | undefined;
  const found = await Promise.all((name === undefined ? await runningInstances() : [name]).map(ask));
  const instances = found.filter((instance) => instance !== undefined);
  if (values.get('json') === true) {
    process.stdout.write(`${JSON.stringify(instances, null, 2)}\n`);
  } else if (instances.length === 0) {
    process.stdout.write(name === undefined ? 'No instance is running.\n' : `No instance named ${name} is running.\n`);
  } else {
    process.stdout.write(`${instances.map((instance) => show(instance, styleOf(process.stdout))).join('\n')}\n`);
  }
  return instances.length === 0 ? NOT_RUNNING : DONE;
}

/** Undefined when it is not there, or ended while it was asked. */
async function ask(name: string): Promise<InstanceStatus | undefined> {
  try {
    return (await callControl(name, 'status')) as InstanceStatus;
  } catch (error) {
    if (error instanceof MultiserverError && error.code === 'MS_NOT_RUNNING') return undefined;
    throw error;
  }
}

export function show(
  instance: InstanceStatus,
  { bold, dim, cyan, green, yellow, red }: Style,
  now = Date.now(),
): string {
  const { name, pid, version, startedAt, addresses, algorithm, requests, inFlight, queued, connections } = instance;
  const rows = instance.endpoints.map((endpoint) => [
    endpoint.id,
    endpoint.state,
    endpoint.pid ?? '-',
    endpoint.inFlight,
    endpoint.requests,
    endpoint.failures,
    endpoint.restarts ?? '-',
    endpoint.weight,
  ]);
  const [head = '', ...lines] = table(
    ['endpoint', 'state', 'pid', 'in flight', 'requests', 'failures', 'restarts', 'weight'],
    rows,
  );
  const colours: Record<string, (text: string) => string> = { ready: green, ejected: red, gone: red };
  const painted = lines.map((line, i) => {
    const { state } = instance.endpoints[i]!;
    return line.replace(` ${state} `, (text) => (colours[state] ?? yellow)(text));
  });
  const up = age(now - new Date(startedAt).getTime());
  return [
    `${bold(name)}  ${cyan(addresses.map(showAddress).join('  '))}`,
    dim(`pid ${pid}, up ${up}, ${algorithm}, multiserver ${version}`),
    `${requests} requests, ${inFlight} in flight, ${queued} queued, ${connections} connections`,
    '',
    dim(head),
    ...painted,
    '',
  ].join('\n');
}
