/** Every limit that can be reached while it runs, by the name of its option. */
export const LIMITS = [
  'https.handshakeTimeout',
  'maxConnections',
  'maxConnectionsPerClient',
  'keepAliveTimeout',
  'maxRequestsPerConnection',
  'headTimeout',
  'maxHeadSize',
  'maxFields',
  'maxTargetSize',
  'bodyIdleTimeout',
  'minBodyRate',
  'maxBodySize',
  'writeTimeout',
  'maxLongLived',
  'rateLimit.rate',
  'queue.size',
  'queue.timeout',
  'timeout',
  'connectTimeout',
  'responseTimeout',
  'responseIdleTimeout',
  'tunnelIdleTimeout',
] as const;

export type Limit = (typeof LIMITS)[number];

/** How often each limit was reached: plain counters, shared by all who enforce one, read on demand. */
export type LimitHits = Record<Limit, number>;

export function noHits(): LimitHits {
  return Object.fromEntries(LIMITS.map((limit) => [limit, 0])) as LimitHits;
}
