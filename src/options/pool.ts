import { z } from 'zod';
import type { AlgorithmLike } from '../contracts/algorithm.js';
import type { DiscoveredEndpoint, Discovery } from '../contracts/discovery.js';
import type {
  EndpointSource,
  EndpointTls,
  HealthCheckOptions,
  HealthOptions,
  PoolOptions,
  QueueOptions,
  ResolvedPoolOptions,
  RetryOptions,
} from '../option-types.js';
import * as row from '../util/option-rows.js';
import type { RowMeta } from '../util/option-rows.js';
import { group, parseShape } from '../util/option-table.js';

const DAY = '24h';
const isHostName = (value: string) => /^[\w.-]+$/.test(value);
const isAny = () => true;

const QUEUE = {
  size: row.automaticCount(
    0,
    1_000_000,
    '10 × maxConcurrentConnections',
    'How many requests may wait for a free place; the next one is answered with 503.',
  ),
  timeout: row.duration(
    '5s',
    '1ms',
    DAY,
    'How long a request may wait for a free place before it is answered with 503.',
  ),
} satisfies Record<keyof QueueOptions, z.ZodType>;

const RETRIES = {
  max: row.integer(
    3,
    0,
    100,
    'Most retries of one request; 0 turns retries off. While nothing was sent, all endpoints may be tried.',
  ),
  budget: row.fraction(
    0.2,
    'Share of the requests in progress that may be retries. One that is too many asks once more within maxBackoff.',
  ),
  min: row.integer(3, 0, 1_000_000, 'Retries in progress that are allowed whatever the budget says.'),
  backoff: row.duration(
    '25ms',
    0,
    '1m',
    'Longest wait before the first retry at an endpoint; doubled for each further one, with full jitter.',
  ),
  maxBackoff: row.duration('250ms', 0, '1m', 'Longest wait before any retry.'),
  statuses: row.errorStatuses(
    'Statuses of endpoints that are retried, for safe methods; 504 also when an endpoint does not answer in time.',
  ),
  idempotencyKey: row.boolean(false, 'Whether a request with an Idempotency-Key may be retried whatever its method.'),
  maxBody: row.size('64KB', 0, '1MB', 'The most of a request body that is kept so that it can be sent again.'),
} satisfies Record<keyof RetryOptions, z.ZodType>;

const HEALTH = {
  failures: row.integer(5, 1, 1_000_000, 'Consecutive failures that eject an endpoint.'),
  ejectTime: row.duration('30s', '1ms', DAY, 'How long an endpoint is ejected, times how often in a row it was.'),
  maxEjectTime: row.duration('5m', '1ms', DAY, 'Longest time an endpoint is ejected.'),
  statuses: row.errorStatuses('Statuses of endpoints that count as failures.'),
} satisfies Record<keyof HealthOptions, z.ZodType>;

const HEALTH_CHECK = {
  path: row.text(
    "a path that begins with '/', without spaces",
    (path) => /^\/[!-~]*$/.test(path),
    'none: not checked',
    'Path that each endpoint is asked for again and again, to learn whether it is well.',
    '--health <path>',
  ),
  interval: row.duration('5s', '10ms', DAY, 'Between the checks of an endpoint, ± 10 %.'),
  timeout: row.duration('2s', '1ms', '1h', 'For one check, connecting included.'),
  status: row.statuses('Statuses that are good; none: 200 to 399.'),
  body: row.text('a text', () => true, 'none', 'A text that must be in the first 64 KB of the body.'),
  rise: row.integer(2, 1, 1000, 'Passed checks in a row that bring an endpoint back.'),
  fall: row.integer(3, 1, 1000, 'Failed checks in a row after which an endpoint gets no requests.'),
} satisfies Record<keyof HealthCheckOptions, z.ZodType>;

const ALGORITHM_ALLOWED =
  "an algorithm: a constant such as ROUND_ROBIN, a function (candidates, request) => endpoint, or an object with such a method 'pick'";
export const algorithm = z
  .custom<AlgorithmLike>(isAlgorithmLike, { error: `must be ${ALGORITHM_ALLOWED}` })
  .optional()
  .meta({
    kind: 'algorithm',
    default: 'ROUND_ROBIN',
    allowed: ALGORITHM_ALLOWED,
    description: 'Which endpoint gets a request.',
    flag: '-a, --algorithm <name>',
  } satisfies RowMeta);

function isEndpointSource(item: unknown): boolean {
  if (typeof item === 'string') return item !== '';
  if (typeof item !== 'object' || item === null) return false;
  return typeof (item as Partial<DiscoveredEndpoint>).url === 'string' || isDiscovery(item);
}

export function isDiscovery(value: unknown): value is Discovery {
  if (typeof value !== 'object' || value === null) return false;
  const { start, stop } = value as Partial<Discovery>;
  return typeof start === 'function' && typeof stop === 'function';
}

export function areEndpoints(value: unknown): value is readonly EndpointSource[] {
  return Array.isArray(value) && value.every(isEndpointSource);
}
export const ENDPOINT_TLS = {
  ca: row.pem(
    'Certificates of the authorities that https endpoints are checked against.',
    "the system's",
    '--endpoint-ca <file>',
  ),
  servername: row.text(
    'a host name',
    isHostName,
    "the URL's host",
    'The name that must be in the certificate of https endpoints.',
    '--endpoint-servername <name>',
  ),
  cert: row.pem('Client certificate that is shown to https endpoints.', 'none', '--endpoint-cert <file>'),
  key: row.pem('Private key of the client certificate.', 'none', '--endpoint-key <file>'),
  passphrase: row.text(
    'a text',
    isAny,
    'none',
    'What that private key is encrypted with.',
    '--endpoint-passphrase <text>',
  ),
  insecure: row.boolean(
    false,
    'Whether https endpoints are taken whatever certificate they have.',
    '--endpoint-insecure',
  ),
} satisfies Record<keyof EndpointTls, z.ZodType>;

export const POOL = {
  endpoints: row.own<readonly EndpointSource[]>(
    "a list of URLs ('http://host:port', 'unix:/path', 'dns://name:port', 'dns+srv://name', 'file:path'), { url, weight, priority }, or discoveries",
    areEndpoints,
    [],
    '[]',
    'Servers that already run, and where to find more.',
  ),
  algorithm,
  maxConcurrentConnections: row.optionalCount(
    'Exchanges in progress at once; the next one waits in the queue.',
    '--max-concurrent <n>',
  ),
  queue: group(QUEUE),
  maxConcurrent: row.optionalCount(
    'Requests in progress at one endpoint, WebSockets and event streams apart; when all have so many, the next one waits in the queue.',
    '--max-per-endpoint <n>',
  ),
  maxLongLived: row.optionalCount('WebSockets and event streams at once; one more is answered with 503.'),
  drainTime: row.duration(
    '30s',
    0,
    DAY,
    'Over what time the WebSockets and event streams of an endpoint that is drained or in maintenance are ended, one after another; also at the end of all.',
  ),
  slowStart: row.duration(
    0,
    0,
    DAY,
    'In which the weight of an endpoint that joins a working pool, and its limit, grow from 10 % to 100 %; 0: at once.',
  ),
  timeout: row.duration(
    '60s',
    '1ms',
    DAY,
    "From the request's end to the head of its response, queue and retries included; then 504.",
  ),
  connectTimeout: row.duration('3s', '1ms', DAY, 'To connect to an endpoint.'),
  responseTimeout: row.duration(
    '30s',
    '1ms',
    DAY,
    "From the request's end to the head of an endpoint's response, for each attempt; then 504.",
  ),
  responseIdleTimeout: row.duration('60s', '1ms', DAY, 'Pause within the body of a response.'),
  tunnelIdleTimeout: row.duration('1h', '1ms', DAY, 'Pause of WebSockets and event streams.'),
  preserveHost: row.boolean(true, "Whether endpoints get the client's Host field; else their own name."),
  forwarded: row.boolean(false, 'Whether endpoints get a Forwarded field (RFC 7239) beside X-Forwarded-*.'),
  allowUnderscores: row.boolean(
    false,
    'Whether fields whose names CGI-like servers could confuse (with _ in them) are passed on; else they are dropped.',
  ),
  retries: group(RETRIES),
  health: group(HEALTH),
  healthCheck: group(HEALTH_CHECK),
  endpointTls: group(ENDPOINT_TLS),
  endpointProxyProtocol: row.integer(
    0,
    0,
    2,
    "Version of the PROXY protocol by which endpoints are told the client's address, before TLS; 0: none. Such a connection serves one client's alone.",
    '--endpoint-proxy-protocol <0|1|2>',
  ),
} satisfies Record<keyof PoolOptions, z.ZodType>;

type PoolValues = z.output<z.ZodObject<typeof POOL>>;
type Fail = (message: string) => Error;

/** Completes what the rows have checked; `given` is what the user wrote of it. */
export function completePool(data: PoolValues, given: PoolOptions, fail: Fail, prefix = ''): ResolvedPoolOptions {
  const { retries, health, queue, maxConcurrentConnections: limit } = data;
  const wrong =
    outOfOrder(`${prefix}retries`, 'backoff', 'maxBackoff', retries, given.retries) ??
    outOfOrder(`${prefix}health`, 'ejectTime', 'maxEjectTime', health, given.health);
  if (wrong !== undefined) throw fail(wrong);
  const size = queue.size ?? Math.min(10 * (limit === Infinity ? 100 : limit), 1_000_000);
  const { path, body, ...check } = data.healthCheck;
  return {
    ...data,
    algorithm: data.algorithm,
    queue: { size, timeout: queue.timeout },
    healthCheck: { ...check, path, body },
  };
}

/** The one of the two that was given is named: nobody looks for the other where only its default stands in the way. */
function outOfOrder<N extends string>(
  group: string,
  least: N,
  most: N,
  values: Readonly<Record<N, number>>,
  given: Readonly<Partial<Record<N, unknown>>> | undefined,
): string | undefined {
  if (values[least] <= values[most]) return undefined;
  const [named, rule, other] = given?.[most] === undefined ? [least, 'more', most] : [most, 'less', least];
  return `Option "${group}.${named}" must not be ${rule} than "${group}.${other}" (${values[other]}); it is ${values[named]}.`;
}

/** Rows have a description, groups of rows have none. */
const GROUPS = Object.keys(POOL).filter((name) => !POOL[name as keyof typeof POOL].meta());

/** The options of a pool beside the default one: what it does not say is as the balancer's own, its endpoints apart. */
export function parsePool(name: string, given: unknown, balancer: PoolOptions, fail: Fail): ResolvedPoolOptions {
  const prefix = `pools.${name}.`;
  const own = areEndpoints(given) ? { endpoints: given } : (given as PoolOptions);
  const merged: Record<string, unknown> = { ...own };
  for (const option of Object.keys(POOL)) {
    const inherited = (balancer as Record<string, unknown>)[option];
    const value = merged[option];
    if (option === 'endpoints' || inherited === undefined) continue;
    if (value === undefined) merged[option] = inherited;
    else if (GROUPS.includes(option)) merged[option] = { ...(inherited as object), ...(value as object) };
  }
  return completePool(parseShape(POOL, merged, fail, prefix), merged, fail, prefix);
}

function isAlgorithmLike(value: unknown): boolean {
  if (typeof value === 'function') return true;
  if (typeof value !== 'object' || value === null) return false;
  const { pick, algorithm: name, create } = value as { pick?: unknown; algorithm?: unknown; create?: unknown };
  return typeof pick === 'function' || (typeof name === 'string' && typeof create === 'function');
}

/**
 * An object keeps what it knows by its endpoints' index, which tells them apart in one pool only.
 * A class or a function is made anew, or keeps nothing.
 */
export function refuseShared(pools: Readonly<Record<string, Pick<PoolOptions, 'algorithm'>>>, fail: Fail): void {
  const users = new Map<AlgorithmLike, string>();
  for (const [name, { algorithm: like }] of Object.entries(pools)) {
    if (typeof like !== 'object' || 'create' in like) continue;
    const other = users.get(like);
    if (other !== undefined)
      throw fail(
        `Option "algorithm": the pools "${other}" and "${name}" cannot share one object; give its class, or each pool its own.`,
      );
    users.set(like, name);
  }
}
