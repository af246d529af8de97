import { inspect } from 'node:util';
import { z } from 'zod';
import { closest } from './closest.js';
import type { OptionKind, RowMeta } from './option-rows.js';

/** A row as plain data: for the command line, the reference and whoever builds a form for it. */
export interface OptionRow {
  /** Dotted path: `queue.timeout`. */
  readonly name: string;
  readonly kind: OptionKind;
  readonly default: string;
  /** Completes "must be …". */
  readonly allowed: string;
  readonly description: string;
  /** As commander reads it; empty: none. */
  readonly flag: string;
}

/** Options of one object: rows, and groups of rows (strict objects with all defaults). */
export type OptionShape = Record<string, z.ZodType>;

export const group = <S extends OptionShape>(shape: S) => z.strictObject(shape).prefault({} as never);

export function rowsOf(shape: OptionShape, prefix = ''): OptionRow[] {
  return Object.entries(shape).flatMap(([key, schema]) => {
    const name = prefix + key;
    const meta = schema.meta() as RowMeta | undefined;
    if (meta) return [{ name, ...meta, flag: meta.flag ?? flagOf(name, meta) }];
    const { shape: inner } = (schema as z.ZodPrefault<z.ZodObject>).unwrap();
    return rowsOf(inner, `${name}.`);
  });
}

const ARGUMENTS: Record<OptionKind, string> = {
  duration: ' <t>',
  size: ' <size>',
  number: ' <n>',
  boolean: '',
  text: ' <text>',
  list: ' <list>',
  words: ' <args>',
  numbers: ' <n,…>',
  algorithm: ' <name>',
  record: ' <text>',
};

/** `queue.timeout` → `--queue-timeout <t>`; what is on by default gets the flag that turns it off. */
function flagOf(name: string, { kind, default: fallback }: RowMeta): string {
  const kebab = name.replaceAll('.', '-').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return `--${kind === 'boolean' && fallback === 'true' ? 'no-' : ''}${kebab}${ARGUMENTS[kind]}`;
}

/** Checks and completes `input`; `fail` makes the error of the first thing that is wrong, named by its path behind `prefix`. */
export function parseShape<S extends OptionShape>(
  shape: S,
  input: unknown,
  fail: (message: string) => Error,
  prefix = '',
): z.output<z.ZodObject<S, z.core.$strict>> {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    const name = prefix === '' ? 'Options' : `Option "${prefix.slice(0, -1)}"`;
    throw fail(`${name} must be an object, not ${show(input)}.`);
  }
  const result = z.strictObject(shape).safeParse(input);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    const unknown = [...path, issue.keys[0]!].join('.');
    throw fail(`Option "${prefix}${unknown}" is unknown; ${suggest(unknown, rowsOf(shape), path)}`);
  }
  const value = path.reduce<unknown>((object, key) => (object as Record<string, unknown>)[key], input);
  const rule = issue.code === 'custom' ? issue.message : 'must be an object of options';
  throw fail(`Option "${prefix}${path.join('.')}" ${rule}; it is ${show(value)}.`);
}

function suggest(unknown: string, rows: readonly OptionRow[], path: readonly string[]): string {
  const prefix = path.map((part) => `${part}.`).join('');
  const names = rows.map(({ name }) => name);
  const near = closest(
    unknown,
    names.filter((name) => name.startsWith(prefix)),
  );
  return near === undefined
    ? `known are ${names.filter((name) => name.startsWith(prefix)).join(', ')}.`
    : `did you mean "${near}"?`;
}

/** What was given of a group that does nothing without its option `needed`, by name; undefined: nothing, or that one too. */
export function idleOf(given: object | undefined, needed: string): string | undefined {
  const values = Object.entries(given ?? {}).filter(([, value]) => value !== undefined);
  return values.some(([name]) => name === needed) ? undefined : values[0]?.[0];
}

export function without(given: string, needed: string): string {
  return `Option "${given}" was given without "${needed}", and does nothing alone.`;
}

export const show = (value: unknown): string =>
  inspect(value, { depth: 1, breakLength: Infinity, maxStringLength: 80, maxArrayLength: 5 });

/** Freezes options with their groups and lists, but not what is under `except`: it belongs to the user. */
export function freezeOptions<T extends object>(options: T, except: readonly string[]): T {
  for (const [name, value] of Object.entries(options)) {
    if (!except.includes(name) && typeof value === 'object' && value !== null) freezeOptions(value as object, except);
  }
  return Object.freeze(options);
}
