import { inspect } from 'node:util';
import type { Endpoint, LoadBalancer } from '../index.js';
import type { Log } from './log.js';

const workerOf = ({ id, pid }: { readonly id: string; readonly pid: number }): string =>
  `Worker ${id.slice('worker:'.length)} (pid ${pid})`;

const nameOf = (endpoint: Endpoint): string => (endpoint.worker ? workerOf(endpoint) : `Endpoint ${endpoint.url}`);

const fieldsOf = (endpoint: Endpoint) =>
  endpoint.slot >= 0 ? { worker: endpoint.slot, pid: endpoint.pid } : { endpoint: endpoint.url };

/** Writes one line for each thing that happens to an endpoint, and what workers write. */
export function narrate(balancer: LoadBalancer, log: Log): void {
  const { events } = balancer;
  events.on('output', (writer, stream, line) => log.output(writer, stream, line));
  events.on('certificate', (domain, { validTo }) => {
    const until = validTo.toISOString();
    log.event('info', 'certificate', `New certificate for ${domain}, valid until ${until}`, { domain, validTo: until });
  });
  events.on('problem', (message, error) =>
    log.event(
      'warn',
      'problem',
      message,
      error === undefined ? {} : { error: error instanceof Error ? String(error) : inspect(error) },
    ),
  );
  events.on('crash', (worker, { code, signal, reason, stderr }) => {
    const { slot, pid } = worker;
    const how = signal === null ? `exit code ${code}` : signal;
    const what = reason === null ? `crashed (${how}) and` : `was killed: ${reason}; it`;
    log.event('error', 'crash', `${workerOf(worker)} ${what} is started again`, {
      worker: slot,
      pid,
      code,
      signal,
      reason,
      stderr,
    });
  });
  events.on('replace', (worker, { reason }) =>
    log.event('warn', 'replace', `${workerOf(worker)} is replaced: ${reason}`, {
      worker: worker.slot,
      pid: worker.pid,
      reason,
    }),
  );
  events.on('scale', (count, { reason }) =>
    log.event('info', 'scale', `The number of workers is now ${count}: ${reason}`, { workers: count, reason }),
  );
  events.on('change', (endpoint, { from, to, reason }) => {
    const fields = { ...fieldsOf(endpoint), from, to, reason };
    const name = nameOf(endpoint);
    if (to === 'ready') {
      const why = reason === 'added' || reason === 'ready' ? '' : `: ${reason}`;
      log.event('info', 'ready', `${name} is ready${why}`, fields);
    } else if (to === 'ejected') {
      log.event('warn', 'eject', `${name} gets no requests for a while: ${reason}`, fields);
    } else log.event('info', 'change', `${name}: ${from} → ${to} (${reason})`, fields);
  });
}
