const PER: Record<string, number> = { s: 1, m: 60, h: 3600 };

/** How many in a second, minute or hour: `'100/s' '30/m' '1000/h'`; a number is per second. */
export type Rate = number | `${number}/${'s' | 'm' | 'h'}`;

/** Number per second of a {@link Rate}; `undefined` when it is none. */
export function parseRate(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) && value > 0 ? value : undefined;
  if (typeof value !== 'string') return undefined;
  const match = /^(\d+(?:\.\d+)?)\/([smh])$/.exec(value);
  const rate = match ? Number(match[1]) / PER[match[2]!]! : 0;
  return rate > 0 ? rate : undefined;
}
