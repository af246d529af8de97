import type { z } from 'zod';
import type { KeyBy } from '../contracts/algorithm.js';
import type { RateLimitOptions, ResolvedRateLimit, ResolvedRoute, RouteOptions } from '../option-types.js';
import * as row from '../util/option-rows.js';
import { group, idleOf, parseShape, without } from '../util/option-table.js';

export const RATE_LIMIT = {
  rate: row.rate('Requests that one client may send on average; more are answered with 429.', '--rate-limit <n/s>'),
  burst: row.automaticCount(1, 1_000_000_000, 'the requests of a second', 'Requests that one client may send at once.'),
  key: row.key<KeyBy>(
    'ip',
    'What tells clients apart; requests that lack it are told apart by their address. Addresses of IPv6 count by their network (/64).',
  ),
} satisfies Record<keyof RateLimitOptions, z.ZodType>;

const anyText = () => true;

export const ROUTE = {
  host: row.text(
    "a host such as 'example.com' or '*.example.com'",
    anyText,
    'any',
    'Host of the request, or all names below one.',
  ),
  path: row.text("a path such as '/api' or '/api/*'", anyText, 'any', 'Path of the request and all below it.'),
  pool: row.text('the name of a pool', anyText, "'default'", 'Where the request goes.'),
  timeout: row.optionalDuration(
    '1ms',
    '24h',
    "the pool's",
    "From the request's end to the head of its response, queue and retries included; then 504.",
  ),
  maxBody: row.optionalSize('Size of a request body, within maxBodySize; more is answered with 413.'),
  rateLimit: group(RATE_LIMIT),
} satisfies Record<keyof RouteOptions, z.ZodType>;

type Fail = (message: string) => Error;

/** Checks each rule; that its pool is there, and the form of host and path, is for whoever has them. */
export function parseRoutes(routes: readonly unknown[], fail: Fail): ResolvedRoute[] {
  return routes.map((route, i) => {
    const data = parseShape(ROUTE, route, fail, `routes.${i}.`);
    const { host, path, pool = 'default', timeout, maxBody } = data;
    const rateLimit = resolveRateLimit(data.rateLimit);
    const idle = idleOf((route as RouteOptions).rateLimit, 'rate');
    if (idle !== undefined) throw fail(without(`routes.${i}.rateLimit.${idle}`, `routes.${i}.rateLimit.rate`));
    return { host, path, pool, timeout, maxBody, rateLimit };
  });
}

export function resolveRateLimit({
  rate,
  burst,
  key,
}: z.output<z.ZodObject<typeof RATE_LIMIT>>): ResolvedRateLimit | undefined {
  return rate === undefined ? undefined : { rate, burst: burst ?? Math.max(1, Math.ceil(rate)), key };
}
