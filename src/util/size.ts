const UNITS: Record<string, number> = { B: 1, KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3 };

/** Bytes as a number, or a number with a unit, in powers of 1024: `'64KB' '256MB' '1GB'`. */
export type Size = number | `${number}${'B' | 'KB' | 'MB' | 'GB'}`;

/** Bytes of a {@link Size}; `undefined` when it is none. */
export function parseSize(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? Math.floor(value) : undefined;
  if (typeof value !== 'string') return undefined;
  const match = /^(\d+(?:\.\d+)?)(B|KB|MB|GB)$/i.exec(value);
  return match ? Math.floor(Number(match[1]) * UNITS[match[2]!.toUpperCase()]!) : undefined;
}
