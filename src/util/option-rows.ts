import { isIP } from 'node:net';
import { z } from 'zod';
import { parseDuration, type Duration } from './duration.js';
import { parseRate, type Rate } from './rate.js';
import { parseSize, type Size } from './size.js';

/** How the text of a flag or environment variable becomes a value. */
export type OptionKind =
  | 'duration'
  | 'size'
  | 'number'
  | 'boolean'
  | 'text'
  | 'list'
  | 'words'
  | 'numbers'
  | 'algorithm'
  | 'record';

/** What `.meta()` of a row holds. */
export interface RowMeta {
  readonly kind: OptionKind;
  /** As shown to people. */
  readonly default: string;
  /** Completes "must be …". */
  readonly allowed: string;
  /** One sentence. */
  readonly description: string;
  /** The flag, when it is not the option's name in kebab-case. */
  readonly flag?: string | undefined;
}

/** Letters and argument of the flag where they differ from what the name gives: `'-w, --workers <n|auto>'`. */
type Flag = string | undefined;

const check = <T>(test: (value: unknown) => boolean, allowed: string) =>
  z.custom<T>(test, { error: `must be ${allowed}` });

export function duration(fallback: Duration, min: Duration, max: Duration, description: string, flag?: Flag) {
  const least = parseDuration(min)!;
  const most = parseDuration(max)!;
  const allowed = `a duration from ${min} to ${max}: milliseconds or '200ms', '5s', '10m', '1h'`;
  return check<Duration>((value) => within(parseDuration(value), least, most), allowed)
    .transform((value) => parseDuration(value)!)
    .prefault(fallback)
    .meta({ kind: 'duration', default: `'${fallback}'`, allowed, description, flag } satisfies RowMeta);
}

export function size(fallback: Size, min: Size, max: Size, description: string, flag?: Flag) {
  const least = parseSize(min)!;
  const most = parseSize(max)!;
  const allowed = `a size from ${min} to ${max}: bytes or '64KB', '256MB', '1GB'`;
  return check<Size>((value) => within(parseSize(value), least, most), allowed)
    .transform((value) => parseSize(value)!)
    .prefault(fallback)
    .meta({
      kind: 'size',
      default: typeof fallback === 'string' ? `'${fallback}'` : `${fallback}`,
      allowed,
      description,
      flag,
    } satisfies RowMeta);
}

/** A size that is not limited unless it is given. */
export function optionalSize(description: string, flag?: Flag) {
  const allowed = "a size: bytes or '64KB', '256MB', '1GB', or Infinity";
  return check<Size>((value) => value === Infinity || parseSize(value) !== undefined, allowed)
    .transform((value) => (value === Infinity ? Infinity : parseSize(value)!))
    .prefault(Infinity)
    .meta({ kind: 'size', default: 'Infinity', allowed, description, flag } satisfies RowMeta);
}

export function integer(fallback: number, min: number, max: number, description: string, flag?: Flag) {
  const allowed = `a whole number from ${min} to ${max}`;
  return check<number>((value) => Number.isInteger(value) && within(value as number, min, max), allowed)
    .prefault(fallback)
    .meta({ kind: 'number', default: `${fallback}`, allowed, description, flag } satisfies RowMeta);
}

/** A whole number, undefined unless it is given. */
export function optionalInteger(min: number, max: number, fallback: string, description: string) {
  const allowed = `a whole number from ${min} to ${max}`;
  return check<number>((value) => Number.isInteger(value) && within(value as number, min, max), allowed)
    .optional()
    .meta({ kind: 'number', default: fallback, allowed, description } satisfies RowMeta);
}

/** A number above a limit, maybe Infinity. */
export function above(limit: number, fallback: number, description: string, orInfinity = false) {
  const allowed = `a number above ${limit}${orInfinity ? ', or Infinity' : ''}`;
  return check<number>(
    (value) => typeof value === 'number' && value > limit && (orInfinity || value !== Infinity),
    allowed,
  )
    .prefault(fallback)
    .meta({ kind: 'number', default: `${fallback}`, allowed, description } satisfies RowMeta);
}

/** One of a few values, undefined unless it is given. */
export function oneOf<const T extends string | number>(values: readonly T[], fallback: string, description: string) {
  const allowed = values.map((value) => (typeof value === 'string' ? `'${value}'` : value)).join(' or ');
  return check<T>((value) => values.includes(value as T), allowed)
    .optional()
    .meta({ kind: 'text', default: fallback, allowed, description } satisfies RowMeta);
}

/** A text that must be given. */
export function needed(allowed: string, test: (value: string) => boolean, description: string) {
  return check<string>((value) => typeof value === 'string' && test(value), allowed).meta({
    kind: 'text',
    default: 'none',
    allowed,
    description,
  } satisfies RowMeta);
}

/** A count that has no limit unless it is given. */
export function optionalCount(description: string, flag?: Flag) {
  const allowed = 'a whole number from 1, or Infinity';
  return check<number>(
    (value) => value === Infinity || (Number.isSafeInteger(value) && (value as number) >= 1),
    allowed,
  )
    .prefault(Infinity)
    .meta({ kind: 'number', default: 'Infinity', allowed, description, flag } satisfies RowMeta);
}

/** A count whose default depends on the machine or on other options; `undefined` when it is not given or `'auto'`. */
export function automaticCount(min: number, max: number, fallback: string, description: string, flag?: Flag) {
  const allowed = `a whole number from ${min} to ${max}, or 'auto'`;
  return check<number | 'auto'>(
    (value) => value === 'auto' || (Number.isInteger(value) && within(value as number, min, max)),
    allowed,
  )
    .transform((value) => (value === 'auto' ? undefined : value))
    .optional()
    .meta({ kind: 'number', default: fallback, allowed, description, flag } satisfies RowMeta);
}

export function fraction(fallback: number, description: string, flag?: Flag) {
  const allowed = 'a number from 0 to 1';
  return check<number>((value) => typeof value === 'number' && within(value, 0, 1), allowed)
    .prefault(fallback)
    .meta({ kind: 'number', default: `${fallback}`, allowed, description, flag } satisfies RowMeta);
}

export function boolean(fallback: boolean, description: string, flag?: Flag) {
  const allowed = 'true or false';
  return check<boolean>((value) => typeof value === 'boolean', allowed)
    .prefault(fallback)
    .meta({ kind: 'boolean', default: `${fallback}`, allowed, description, flag } satisfies RowMeta);
}

export function text(
  allowed: string,
  test: (value: string) => boolean,
  fallback: string,
  description: string,
  flag?: Flag,
) {
  return check<string>(
    (value) => typeof value === 'string' && value !== '' && !value.includes('\0') && test(value),
    allowed,
  )
    .optional()
    .meta({ kind: 'text', default: fallback, allowed, description, flag } satisfies RowMeta);
}

/** A list of texts, empty by default, which all pass `test`. */
export function list(allowed: string, test: (item: unknown) => boolean, description: string, flag?: Flag) {
  return check<readonly string[]>((value) => Array.isArray(value) && value.every(test), allowed)
    .transform((value) => [...value])
    .prefault([])
    .meta({ kind: 'list', default: '[]', allowed, description, flag } satisfies RowMeta);
}

/** Arguments of a command: on the command line, words as a shell would split them. */
export function words(description: string, flag?: Flag) {
  const allowed = 'a list of texts';
  return check<readonly string[]>((value) => Array.isArray(value) && value.every(isWord), allowed)
    .transform((value) => [...value])
    .prefault([])
    .meta({ kind: 'words', default: '[]', allowed, description, flag } satisfies RowMeta);
}

/** A list of statuses of 4xx and 5xx, empty by default. */
export function errorStatuses(description: string) {
  return statuses(description, 400);
}

/** A list of final statuses, empty by default. */
export function statuses(description: string, least = 200) {
  const allowed = `a list of statuses from ${least} to 599`;
  const test = (item: unknown) => Number.isInteger(item) && within(item as number, least, 599);
  return check<readonly number[]>((value) => Array.isArray(value) && value.every(test), allowed)
    .transform((value) => [...value])
    .prefault([])
    .meta({ kind: 'numbers', default: '[]', allowed, description } satisfies RowMeta);
}

function isWord(item: unknown): boolean {
  return typeof item === 'string' && !item.includes('\0');
}

/** PEM text, its bytes, or the path of a file. */
export function pem(description: string, fallback: string, flag?: Flag) {
  const allowed = 'PEM text, its bytes, or the path of a PEM file';
  return (
    check<string | Buffer>(
      (value) => (typeof value === 'string' && value !== '' && !value.includes('\0')) || Buffer.isBuffer(value),
      allowed,
    )
      // PEM is ASCII; Buffers cannot be frozen.
      .transform((value) => (typeof value === 'string' ? value : value.toString('latin1')))
      .optional()
      .meta({ kind: 'text', default: fallback, allowed, description, flag } satisfies RowMeta)
  );
}

/** A list of objects, empty by default; only in code. */
export function records<T>(allowed: string, test: (item: unknown) => item is T, description: string) {
  return check<readonly T[]>((value) => Array.isArray(value) && value.every(test), allowed)
    .transform((value) => value.map((item) => ({ ...item })))
    .prefault([])
    .meta({ kind: 'record', default: '[]', allowed, description, flag: '' } satisfies RowMeta);
}

/** What belongs to the user and is passed on as it is; only in code. */
export function own<T>(
  allowed: string,
  test: (value: unknown) => boolean,
  empty: T,
  shown: string,
  description: string,
) {
  return check<T>(test, allowed)
    .prefault(empty as never)
    .meta({ kind: 'record', default: shown, allowed, description, flag: '' } satisfies RowMeta);
}

/** A duration that is something else's unless it is given. */
export function optionalDuration(min: Duration, max: Duration, fallback: string, description: string, flag?: Flag) {
  const least = parseDuration(min)!;
  const most = parseDuration(max)!;
  const allowed = `a duration from ${min} to ${max}: milliseconds or '200ms', '5s', '10m', '1h'`;
  return check<Duration>((value) => within(parseDuration(value), least, most), allowed)
    .transform((value) => parseDuration(value)!)
    .optional()
    .meta({ kind: 'duration', default: fallback, allowed, description, flag } satisfies RowMeta);
}

/** Number in a second, minute or hour; none unless it is given. */
export function rate(description: string, flag?: Flag) {
  const allowed = "a rate above 0: '100/s', '30/m', '1000/h', or a number a second";
  return check<Rate>((value) => parseRate(value) !== undefined, allowed)
    .transform((value) => parseRate(value)!)
    .optional()
    .meta({ kind: 'number', default: 'none', allowed, description, flag } satisfies RowMeta);
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** What tells clients or requests apart. */
export function key<T extends string | ((...args: never[]) => unknown)>(
  fallback: T & string,
  description: string,
  flag?: Flag,
  also: readonly string[] = [],
) {
  const allowed =
    also.map((name) => `'${name}', `).join('') +
    "'ip', 'path', 'sid', 'header:NAME', 'cookie:NAME' or a function (request) => text";
  return check<T>((value) => {
    if (typeof value !== 'string') return typeof value === 'function';
    const named = /^(?:header|cookie):(.*)$/.exec(value);
    return named === null ? [...also, 'ip', 'path', 'sid'].includes(value) : TOKEN.test(named[1]!);
  }, allowed)
    .prefault(fallback as never)
    .meta({ kind: 'text', default: `'${fallback}'`, allowed, description, flag } satisfies RowMeta);
}

/** A function, only in code; none by default. */
export function callback<T>(allowed: string, description: string) {
  return check<T>((value) => typeof value === 'function', `a function ${allowed}`)
    .optional()
    .meta({
      kind: 'record',
      default: 'none',
      allowed: `a function ${allowed}`,
      description,
      flag: '',
    } satisfies RowMeta);
}

const RANGE_NAMES = ['loopback', 'linklocal', 'uniquelocal'];

/** An IP address, a CIDR range or a named range, as the phase `trust` reads it. */
export function isAddressRange(item: unknown): boolean {
  if (typeof item !== 'string') return false;
  if (RANGE_NAMES.includes(item)) return true;
  const [address = '', bits, ...rest] = item.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0 || address.includes('%')) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

function within(value: number | undefined, min: number, max: number): boolean {
  return value !== undefined && value >= min && value <= max;
}
