import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { ALGORITHMS, type AlgorithmLike, type LoadBalancerOptions, type MultiserverConfig } from '../index.js';
import { usageError } from './usage-error.js';
import type { Given } from './values.js';

/** The file that says what neither flags nor variables do. */
export interface Config {
  /** For people: its name, or its path where it was named. */
  readonly label: string;
  /** What paths in it are relative to. */
  readonly folder: string;
  /** What is for the command line, the balancer's options left out. */
  readonly own: Omit<MultiserverConfig, keyof LoadBalancerOptions>;
  /** Checked by the balancer itself. */
  readonly options: LoadBalancerOptions;
}

const EXTENSIONS = ['.ts', '.mts', '.js', '.mjs', '.cjs', '.json'];

/** What the command line itself reads of it, and what it must be. */
const OWN: Readonly<Record<keyof Config['own'], readonly [allowed: string, test: (value: unknown) => boolean]>> = {
  app: ['the path of an app, or a list of a command and its arguments', (app) => isText(app) || isListOf(app, isText)],
  spawn: ['an object of options', isObject],
  listen: ['a port, an address, or a list of them', (listen) => isPlace(listen) || isListOf(listen, isPlace)],
  name: ['a text', isText],
  logFormat: ["'pretty' or 'json'", (format) => format === 'pretty' || format === 'json'],
  quiet: ['true or false', isBoolean],
  watch: ['true or false', isBoolean],
  setup: ['a function (balancer) => …', (setup) => typeof setup === 'function'],
};

/** What was given, completed by the file: flags and variables win over it. */
export async function addConfig(given: Given): Promise<Given> {
  const config = await loadConfig(given.values.get('config') as string | undefined, process.cwd());
  if (config === undefined) return given;
  const values = new Map(given.values);
  const sources = new Map(given.sources);
  const { listen, name, logFormat, quiet, watch } = config.own;
  const places = listen === undefined || values.has('port') ? undefined : [listen].flat();
  const { algorithm } = config.options;
  for (const [key, value] of Object.entries({ listen: places, name, logFormat, quiet, watch, algorithm })) {
    if (value === undefined || values.has(key)) continue;
    values.set(key, value);
    sources.set(key, `"${key}" in ${config.label}`);
  }
  return { values, sources, config };
}

/** The file `asked` for, or the one in `folder`, if there is one. */
async function loadConfig(asked: string | undefined, folder: string): Promise<Config | undefined> {
  const path = asked === undefined ? findConfig(folder) : resolve(asked);
  if (path === undefined) return undefined;
  if (!isFile(path)) throw usageError(`There is no configuration file ${path}.`);
  const label = asked ?? basename(path);
  const found = await read(path, label);
  if (!isObject(found)) {
    throw usageError(
      `${label} must export an object by default, as in: export default { timeout: '5s' }; it is ${inspect(found)}.`,
    );
  }
  const own: Record<string, unknown> = {};
  const options: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(found)) {
    if (!Object.hasOwn(OWN, name)) options[name] = value;
    else if (value !== undefined) own[name] = expect(name as keyof Config['own'], value, label);
  }
  if (typeof options['algorithm'] === 'string') options['algorithm'] = algorithmNamed(options['algorithm'], label);
  return { label, folder: dirname(path), own, options };
}

function findConfig(folder: string): string | undefined {
  const [first, second] = EXTENSIONS.map((extension) => `multiserver.config${extension}`).filter((name) =>
    existsSync(join(folder, name)),
  );
  if (second !== undefined) throw usageError(`There are both ${first} and ${second}: say which with --config.`);
  return first === undefined ? undefined : join(folder, first);
}

async function read(path: string, label: string): Promise<unknown> {
  try {
    if (extname(path) === '.json') return JSON.parse(readFileSync(path, 'utf8'));
    return await importDefault(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : inspect(cause);
    throw usageError(`${label} cannot be read: ${reason.split('\n')[0]!.replace(/\.$/, '')}.`, cause);
  }
}

async function importDefault(path: string): Promise<unknown> {
  try {
    return ((await import(pathToFileURL(path).href)) as { default?: unknown }).default;
  } catch (error) {
    // Node strips types by itself from 22.18 on.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_UNKNOWN_FILE_EXTENSION') throw error;
    const { createJiti } = await import('jiti');
    return createJiti(import.meta.url).import(path, { default: true });
  }
}

/** In JSON an algorithm can only be named. */
function algorithmNamed(name: string, label: string): AlgorithmLike {
  const found = Object.hasOwn(ALGORITHMS, name) ? ALGORITHMS[name] : undefined;
  if (found) return found;
  throw usageError(`"algorithm" in ${label} must be one of ${Object.keys(ALGORITHMS).join(', ')}; it is '${name}'.`);
}

function expect(name: keyof Config['own'], value: unknown, label: string): unknown {
  const [allowed, test] = OWN[name];
  if (test(value)) return value;
  throw usageError(
    `"${name}" in ${label} must be ${allowed}; it is ${inspect(value, { depth: 1, breakLength: Infinity })}.`,
  );
}

/** `over` wins; what only the file says of a group stays. */
export function mergeOptions<T extends object>(file: T, over: T): T {
  const merged = { ...file } as Record<string, unknown>;
  for (const [name, value] of Object.entries(over)) {
    const below = merged[name];
    merged[name] = name !== 'algorithm' && isObject(value) && isObject(below) ? mergeOptions(below, value) : value;
  }
  return merged as T;
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isBoolean(value: unknown): value is boolean {
  return typeof value === 'boolean';
}

function isPlace(value: unknown): value is string | number {
  return isText(value) || typeof value === 'number';
}

function isListOf(value: unknown, test: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(test);
}
