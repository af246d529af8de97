import { instanceName, type WorkerStatus } from '../../index.js';
import { showAddress } from '../addresses.js';
import { DONE, NOT_RUNNING } from '../exit-codes.js';
import { askStatus, findInstances, namesOf, type Instances, type InstanceStatus } from '../instance.js';
import { styleOf, type Style } from '../style.js';
import { age, table } from '../table.js';
import type { Given } from '../values.js';

/** `status`: the instance that is named; else those of this folder, or if there are none, all of this user. */
export async function status({ values }: Given): Promise<number> {
  const name = values.get('name') as string | undefined;
  const { here, elsewhere, silent } = name === undefined ? await findInstances() : await onlyNamed(name);
  const shown = here.length > 0 ? here : elsewhere;
  if (values.get('json') === true) {
    process.stdout.write(`${JSON.stringify(shown, null, 2)}\n`);
  } else {
    const style = styleOf(process.stdout);
    const texts = shown.map((instance) => show(instance, style));
    if (shown.length === 0)
      texts.push(name === undefined ? 'No instance is running.' : `No instance named ${name} is running.`);
    if (shown !== elsewhere && elsewhere.length > 0) {
      texts.push(style.dim(`elsewhere, shown with --name: ${namesOf(elsewhere).join(', ')}`));
    }
    if (silent.length > 0) texts.push(style.red(`running, but not answering: ${silent.join(', ')}`));
    process.stdout.write(`${texts.join('\n')}\n`);
  }
  return shown.length === 0 ? NOT_RUNNING : DONE;
}

async function onlyNamed(name: string): Promise<Instances> {
  const instance = await askStatus(instanceName(name, ''));
  return { here: instance === undefined ? [] : [instance], elsewhere: [], silent: [] };
}

export function show(
  instance: InstanceStatus,
  { bold, dim, cyan, green, yellow, red }: Style,
  now = Date.now(),
): string {
  const { name, pid, version, startedAt, addresses, algorithm, requests, inFlight, queued, connections } = instance;
  const byPid = new Map(instance.workers.map((worker) => [worker.pid, worker]));
  const rows = instance.endpoints.map((endpoint) => [
    endpoint.id,
    endpoint.state,
    endpoint.pid ?? '-',
    endpoint.inFlight,
    endpoint.requests,
    endpoint.failures,
    endpoint.restarts ?? '-',
    endpoint.weight,
    ...vitals(endpoint.pid === null ? undefined : byPid.get(endpoint.pid)),
  ]);
  const pids = new Set(instance.endpoints.map((endpoint) => endpoint.pid));
  // those that take no requests, because they are starting or have crashed
  for (const worker of instance.workers) {
    const { id, pid: process, state, restarts } = worker;
    if (!pids.has(process)) rows.push([id, state, process, 0, 0, 0, restarts, 0, ...vitals(worker)]);
  }
  const [head = '', ...lines] = table(
    ['endpoint', 'state', 'pid', 'in flight', 'requests', 'failures', 'restarts', 'weight', 'memory', 'busy'],
    rows,
  );
  const colours: Record<string, (text: string) => string> = {
    ready: green,
    ejected: red,
    gone: red,
    crashed: red,
    backoff: red,
  };
  const painted = lines.map((line, i) => {
    const state = String(rows[i]![1]);
    return line.replace(` ${state} `, (text) => (colours[state] ?? yellow)(text));
  });
  const up = age(now - new Date(startedAt).getTime());
  return [
    `${bold(name)}  ${cyan(addresses.map(showAddress).join('  '))}`,
    dim(`pid ${pid}, up ${up}, ${algorithm}, multiserver ${version}`),
    `${requests} requests, ${inFlight} in flight, ${queued} queued, ${connections} connections`,
    ...counted('failed', instance.errors),
    ...counted('limits reached', instance.limits),
    '',
    dim(head),
    ...painted,
    '',
  ].join('\n');
}

function vitals(worker: WorkerStatus | undefined): [memory: string, busy: string] {
  const { memory = null, utilization = null } = worker ?? {};
  return [
    memory === null ? '-' : `${Math.round(memory / 1024 / 1024)} MB`,
    utilization === null ? '-' : `${Math.round(utilization * 100)} %`,
  ];
}

/** One line with what was counted at all. */
function counted(what: string, counts: Readonly<Record<string, number>>): string[] {
  const some = Object.entries(counts).filter(([, count]) => count > 0);
  return some.length === 0 ? [] : [`${what}: ${some.map(([name, count]) => `${count} ${name}`).join(', ')}`];
}
