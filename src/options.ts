import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { MultiserverError } from './errors.js';
import type {
  AutoscaleOptions,
  ErrorPage,
  LoadBalancerOptions,
  ResolvedOptions,
  ResolvedPoolOptions,
  ResolvedSpawnOptions,
  RouteOptions,
  ServerFactory,
  SpawnOptions,
} from './option-types.js';
import { readEnvFile } from './options/env-file.js';
import { HTTPS, resolveHttps } from './options/https.js';
import { areEndpoints, completePool, parsePool, POOL, refuseShared } from './options/pool.js';
import { parseRoutes, RATE_LIMIT, resolveRateLimit, ROUTE } from './options/routes.js';
import { openFileLimit } from './util/open-files.js';
import * as row from './util/option-rows.js';
import type { RowMeta } from './util/option-rows.js';
import { freezeOptions, group, idleOf, parseShape, rowsOf, without, type OptionRow } from './util/option-table.js';

export type * from './option-types.js';

const DAY = '24h';
const anyText = () => true;

const BALANCER = {
  ...POOL,
  headTimeout: row.duration('10s', '1ms', DAY, 'From the first byte of a request to the end of its head; then 408.'),
  bodyIdleTimeout: row.duration('30s', '1ms', DAY, 'Pause within the body of a request; then 408.'),
  minBodyRate: row.size(
    '1KB',
    0,
    '1GB',
    'Bytes a second that a request body must bring on average after its first 10 s, until the response begins; 0: any.',
  ),
  writeTimeout: row.duration('30s', '1ms', DAY, 'How long a client may take nothing of its response.'),
  keepAliveTimeout: row.duration('65s', '1ms', DAY, 'How long a connection of a client may be idle between requests.'),
  maxRequestsPerConnection: row.integer(
    10_000,
    1,
    1_000_000_000,
    'Requests on one connection of a client, which is then closed politely.',
  ),
  maxConnections: row.automaticCount(
    1,
    10_000_000,
    '(open-file limit − 256) / 2',
    'Connections of clients; at the limit no more are accepted until one closes.',
  ),
  maxConnectionsPerClient: row.optionalCount(
    'Connections from one address, trusted proxies apart; one more is answered with 429 (with HTTPS, closed).',
  ),
  maxHeadSize: row.size(
    '16KB',
    '1KB',
    '1MB',
    'Size of the head of a request or response; more is answered with 431 (502 for a response).',
  ),
  maxFields: row.integer(
    100,
    1,
    10_000,
    'Fields in the head of a request or response; more are answered with 431 (502 for a response).',
  ),
  maxTargetSize: row.size('8KB', '64B', '1MB', 'Length of the request target; more is answered with 414.'),
  maxBodySize: row.optionalSize('Size of a request body; more is answered with 413.'),
  trustedProxies: row.list(
    "a list of addresses, CIDR ranges, 'loopback', 'linklocal' or 'uniquelocal'",
    row.isAddressRange,
    'Proxies whose X-Forwarded-* and X-Request-Id fields are believed.',
    '--trust <range,…>',
  ),
  proxyProtocol: row.boolean(
    false,
    'Whether connections begin with a header of the PROXY protocol, which names the client; only trustedProxies may connect then.',
  ),
  allowTrace: row.boolean(false, 'Whether TRACE requests are passed on; else 405.'),
  rateLimit: group(RATE_LIMIT),
  pools: row.own<NonNullable<LoadBalancerOptions['pools']>>(
    'an object of pools, each a list of endpoints or an object of options',
    (value) => isObject(value) && Object.values(value).every(isPool),
    {},
    '{}',
    'Pools beside the default one, by name; what a pool does not say is as the options beside.',
  ),
  routes: row.own<readonly RouteOptions[]>(
    'a list of rules { host, path, pool, timeout, maxBody, rateLimit }',
    (value) => Array.isArray(value),
    [],
    '[]',
    'Which requests go to which pool, and on what terms: the most particular host decides, then the longest path.',
  ),
  https: group(HTTPS),
  createServer: row.callback<ServerFactory>(
    '(serve) => net.Server',
    'Makes the servers that listen, each of which hands its connections to serve; see LoadBalancer.custom.',
  ),
  errorPage: row.callback<ErrorPage>(
    '({ code, status, reason, message, requestId, accepts }) => { contentType, body }',
    "Makes the pages of the balancer's own errors, 4xx and 5xx; where it gives undefined or fails, the built-in one is sent.",
  ),
} satisfies Record<keyof LoadBalancerOptions, z.ZodType>;

/** Rows have a description, groups of rows have none. */
const GROUPS = new Set(Object.keys(BALANCER).filter((name) => !BALANCER[name as keyof typeof BALANCER].meta()));

const isText = (item: unknown): boolean => typeof item === 'string' && !item.includes('\0');

const AUTOSCALE = {
  min: row.integer(1, 1, 1024, 'Least workers of autoscaling.'),
  max: row.integer(
    0,
    0,
    1024,
    'Most workers of autoscaling: one more when all are busy (event loops over 80 % for 10 s), one less when all are idle (under 20 % for 60 s); 0: off.',
  ),
} satisfies Record<keyof AutoscaleOptions, z.ZodType>;

const SPAWN = {
  pool: row.text('the name of a pool', anyText, "'default'", 'The pool whose endpoints the workers are.', ''),
  count: row.automaticCount(
    1,
    1024,
    'the available parallelism',
    'How many workers run the app.',
    '-w, --workers <n|auto>',
  ),
  args: row.words('Arguments of the app.', ''),
  cwd: row.text(
    'the path of a directory',
    anyText,
    'the current one',
    'Working directory of the workers.',
    '--cwd <dir>',
  ),
  env: z
    .custom<Readonly<Record<string, string>>>(isEnvironment, { error: 'must be an object whose values are texts' })
    .prefault({})
    .meta({
      kind: 'record',
      default: '{}',
      allowed: 'an object whose values are texts',
      description: 'Variables added to the environment of the workers; they win over envFile.',
      flag: '',
    } satisfies RowMeta),
  nodeArgs: row.words('Arguments of node itself, before the app.'),
  envFile: row.text(
    'the path of a file',
    anyText,
    'none',
    'File with variables for the environment of the workers, one NAME=value a line; those that are set already win.',
    '--env-file <file>',
  ),
  startTimeout: row.duration(
    '30s',
    '1ms',
    DAY,
    'How long a worker may take to get ready before it is killed and reported.',
  ),
  stopTimeout: row.duration(
    '30s',
    '1ms',
    DAY,
    'How long requests in progress may take to end when a worker is stopped.',
  ),
  readyPath: row.text(
    "a path that begins with '/'",
    (path) => path.startsWith('/'),
    'none: ready when it listens',
    'Path that a worker must answer with 2xx or 3xx to be ready.',
    '--ready-path <path>',
  ),
  readySignal: row.boolean(
    false,
    "Whether a worker that listens is ready only when it has called process.send('ready').",
  ),
  hangTimeout: row.duration(
    0,
    0,
    DAY,
    'A worker whose event loop is blocked for longer is killed and started again; 0: never.',
  ),
  maxMemory: row.optionalSize(
    'Memory (resident) of a worker; one that takes more is replaced without losing a request.',
  ),
  autoscale: group(AUTOSCALE),
} satisfies Record<keyof SpawnOptions, z.ZodType>;

/** Checks and completes the options of a balancer. Unknown, wrong or out of bounds: MS_INVALID_OPTION. Nothing is coerced. */
export function parseOptions(input: LoadBalancerOptions = {}): ResolvedOptions {
  const data = parseShape(BALANCER, input, invalid);
  if (data.proxyProtocol && data.trustedProxies.length === 0)
    throw invalid('Option "proxyProtocol" needs "trustedProxies": nobody else may name clients, or connect at all.');
  const pools = parsePools(data.pools, input);
  refuseShared({ default: data, ...pools }, invalid);
  return freezeOptions(
    {
      ...data,
      ...completePool(data, input, invalid),
      pools,
      routes: parseRoutes(data.routes, invalid),
      rateLimit: resolveRateLimit(data.rateLimit),
      https: resolveHttps(data.https, invalid),
      createServer: data.createServer,
      errorPage: data.errorPage,
      maxConnections: data.maxConnections ?? Math.max(64, Math.floor((openFileLimit() - 256) / 2)),
    },
    ['algorithm', 'endpoints'],
  );
}

/** What was written, in the constructor or as a change, must not be without effect because something beside it is missing. */
export function refuseIdle(written: LoadBalancerOptions, { rateLimit, healthCheck, pools }: ResolvedOptions): void {
  const burst = rateLimit === undefined ? idleOf(written.rateLimit, 'rate') : undefined;
  if (burst !== undefined) throw invalid(without(`rateLimit.${burst}`, 'rateLimit.rate'));
  // What one pool is checked for may be said for all.
  const isChecked = [{ healthCheck }, ...Object.values(pools)].some((pool) => pool.healthCheck.path !== undefined);
  const check = isChecked ? undefined : idleOf(written.healthCheck, 'path');
  if (check !== undefined) throw invalid(without(`healthCheck.${check}`, 'healthCheck.path'));
}

function parsePools(pools: object, balancer: LoadBalancerOptions): Record<string, ResolvedPoolOptions> {
  if (Object.hasOwn(pools, '')) throw invalid('Option "pools": a pool must have a name.');
  if (Object.hasOwn(pools, 'default'))
    throw invalid('Option "pools.default" is the balancer\'s own pool: its options stand beside "pools".');
  return Object.fromEntries(
    Object.entries(pools)
      .filter(([, options]) => options !== undefined)
      .map(([name, options]) => [name, parsePool(name, options, balancer, invalid)]),
  );
}

function isPool(value: unknown): boolean {
  return value === undefined || isObject(value) || areEndpoints(value);
}

/** `options` with `changes`: within groups only what is given is changed, everything else is replaced; undefined is the default again. */
export function mergeOptions(options: LoadBalancerOptions, changes: LoadBalancerOptions): LoadBalancerOptions {
  if (!isObject(changes)) throw invalid(`Options must be an object, not ${String(changes)}.`);
  const merged: Record<string, unknown> = { ...options };
  for (const [name, change] of Object.entries(changes)) {
    if (name === 'https')
      throw invalid(
        'Option "https" cannot be changed while it runs; certificates are read again when their files change.',
      );
    if (name === 'createServer') throw invalid('Option "createServer" cannot be changed while it runs.');
    const before = merged[name];
    if (name === 'pools' && isObject(before) && isObject(change)) merged[name] = mergePools(before, change);
    else merged[name] = GROUPS.has(name) && isObject(before) && isObject(change) ? { ...before, ...change } : change;
  }
  return merged;
}

/** A list of endpoints is short for options with just these; undefined takes the pool away. */
function mergePools(pools: object, changes: object): object {
  const merged: Record<string, unknown> = { ...pools };
  for (const [name, change] of Object.entries(changes)) {
    const before = merged[name];
    const options = areEndpoints(before) ? { endpoints: before } : ((before ?? {}) as LoadBalancerOptions);
    if (areEndpoints(change)) merged[name] = mergeOptions(options, { endpoints: change });
    else merged[name] = isObject(change) ? mergeOptions(options, change) : change;
  }
  return merged;
}

/** Checks and completes the options of `spawn`; `envFile` is read to see that it can be. */
export function parseSpawnOptions(input: SpawnOptions = {}): ResolvedSpawnOptions {
  const data = parseShape(SPAWN, input, invalid);
  if (data.envFile !== undefined) readEnvFile(data.envFile);
  const { min, max } = data.autoscale;
  if (max !== 0 && min > max)
    throw invalid(`Option "autoscale.min" must not be more than "autoscale.max" (${max}); it is ${min}.`);
  const count = data.count ?? availableParallelism();
  return freezeOptions(
    {
      ...data,
      pool: data.pool ?? 'default',
      count: max === 0 ? count : Math.min(Math.max(count, min), max),
      cwd: data.cwd,
      envFile: data.envFile,
      readyPath: data.readyPath,
    },
    [],
  );
}

export type { OptionRow };

/** Every option of the constructor (`balancer`), of a rule in `routes`, and of `spawn`, in the order of the reference. */
export const OPTION_ROWS: Readonly<Record<'balancer' | 'route' | 'spawn', readonly OptionRow[]>> = {
  balancer: rowsOf(BALANCER),
  route: rowsOf(ROUTE),
  spawn: rowsOf(SPAWN),
};

/** As with the flag of node itself, what is set already wins. */
function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isEnvironment(value: unknown): boolean {
  if (!isObject(value)) return false;
  return Object.entries(value).every(([name, text]) => name !== '' && !/[=\0]/.test(name) && isText(text));
}

const invalid = (message: string, cause?: unknown): MultiserverError =>
  new MultiserverError('MS_INVALID_OPTION', message, { cause });
