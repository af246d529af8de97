import {
  instanceName,
  OPTION_ROWS,
  parseListenAddress,
  type ListenAddress,
  type LoadBalancerOptions,
  type MultiserverConfig,
} from '../../index.js';
import { mergeOptions } from '../config.js';
import { stickyAlgorithm } from '../sticky.js';
import type { InstanceId } from '../instance.js';
import { createLog, type Log } from '../log.js';
import { usageError } from '../usage-error.js';
import { asOptions, type Given } from '../values.js';

export interface Common {
  readonly id: InstanceId;
  readonly log: Log;
  readonly options: LoadBalancerOptions;
  readonly where: readonly ListenAddress[];
  readonly setup: MultiserverConfig['setup'];
}

/** What `start` and `proxy` have in common, from what was given. */
export function readCommon(given: Given, folder: string): Common {
  const { values, sources, config } = given;
  const format = values.get('logFormat') as string | undefined;
  if (format !== undefined && format !== 'pretty' && format !== 'json') {
    throw usageError(`${sources.get('logFormat')} must be pretty or json; it is '${format}'.`);
  }
  const port = values.get('port') as number | undefined;
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= 65_535)) {
    throw usageError(`${sources.get('port')} must be a whole number from 0 to 65535; it is '${port}'.`);
  }
  const name = values.get('name') as string | undefined;
  instanceName(name, folder); // refused before anything is started
  const sticky = stickyAlgorithm(given);
  const listen = (values.get('listen') ?? []) as (string | number)[];
  const options = { ...asOptions(given, OPTION_ROWS.balancer), ...(sticky === undefined ? {} : { algorithm: sticky }) };
  return {
    id: { given: name, folder },
    log: createLog(format, values.get('quiet') === true),
    options: mergeOptions<LoadBalancerOptions>(config?.options ?? {}, options),
    where: [...listen, ...(port === undefined ? [] : [port])].map(parseListenAddress),
    setup: config?.own.setup,
  };
}

/** Where there is no app of our own that asks for a port. */
export function expectWhere(where: readonly ListenAddress[], example: string): void {
  if (where.length === 0) throw usageError(`Say where to listen with -p or --listen, as in: multiserver ${example}`);
}
