import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { extname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MultiserverError } from '../errors.js';

/** What to run and the flags of Node without which it would not run. */
export interface AppFile {
  readonly file: string;
  readonly nodeArgs: readonly string[];
}

/** Tried in this order when the name was given without its extension. */
const EXTENSIONS = ['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts'];
const STRIPPABLE = ['.ts', '.mts', '.cts'];
const TYPESCRIPT = [...STRIPPABLE, '.tsx', '.jsx'];

/** What the running Node can do with TypeScript; a parameter so that a test can play any version. */
export interface Runtime {
  readonly version: string;
  /** `process.features.typescript`. */
  readonly typescript: unknown;
}

const THIS_RUNTIME: Runtime = {
  version: process.versions.node,
  typescript: (process.features as { typescript?: unknown }).typescript,
};

function failed(message: string): MultiserverError {
  return new MultiserverError('MS_WORKER_START_FAILED', message);
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function withExtension(path: string): string | undefined {
  return isFile(path) ? path : EXTENSIONS.map((extension) => path + extension).find(isFile);
}

function mainOf(folder: string): string {
  const manifest = join(folder, 'package.json');
  let main = 'index.js';
  if (isFile(manifest)) {
    try {
      const parsed = JSON.parse(readFileSync(manifest, 'utf8')) as { main?: unknown };
      if (typeof parsed.main === 'string' && parsed.main !== '') main = parsed.main;
    } catch (cause) {
      throw new MultiserverError('MS_WORKER_START_FAILED', `${manifest} is not valid JSON.`, { cause });
    }
  }
  const file = withExtension(join(folder, main)) ?? withExtension(join(folder, main, 'index'));
  if (file !== undefined) return file;
  throw failed(
    isFile(manifest)
      ? `${folder} has no app to start: "main" of its package.json leads to ${join(folder, main)}, which does not exist.`
      : `${folder} has no app to start: there is neither a package.json nor an index.js in it.`,
  );
}

function loaderOfTsx(file: string): string | undefined {
  try {
    return pathToFileURL(createRequire(file).resolve('tsx')).href;
  } catch {
    return undefined;
  }
}

function typescriptFlags(file: string, runtime: Runtime): readonly string[] {
  const extension = extname(file);
  if (!TYPESCRIPT.includes(extension)) return [];
  const loader = loaderOfTsx(file);
  if (loader !== undefined) return ['--import', loader];
  if (!STRIPPABLE.includes(extension)) {
    throw failed(
      `Node cannot run ${extension} files by itself: install tsx in the app (npm install tsx), or start what it is built to.`,
    );
  }
  if (runtime.typescript) return [];
  const [major = 0, minor = 0] = runtime.version.split('.').map(Number);
  if (major === 22 && minor >= 6) return ['--experimental-strip-types'];
  throw failed(
    `Node ${runtime.version} cannot run TypeScript by itself: install tsx in the app (npm install tsx), use Node 22.18 or later, ` +
      `or start the JavaScript that ${file} is built to.`,
  );
}

/** Finds the file of an app as a person names it: a file, one without its extension, or a folder. */
export function findApp(app: string, cwd: string, runtime: Runtime = THIS_RUNTIME): AppFile {
  const path = resolve(cwd, app);
  const file = withExtension(path) ?? (isDirectory(path) ? mainOf(path) : undefined);
  if (file === undefined) throw failed(`The app ${path} does not exist.`);
  return { file, nodeArgs: typescriptFlags(file, runtime) };
}

export function checkFolder(cwd: string): void {
  if (!isDirectory(cwd)) throw failed(`The folder ${cwd} does not exist.`);
}
