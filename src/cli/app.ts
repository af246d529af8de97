import { readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, extname, join, relative, resolve } from 'node:path';
import { usageError } from './usage-error.js';
import { splitWords } from './words.js';

/** How the app is started. */
export interface App {
  readonly file: string;
  readonly args: readonly string[];
  readonly nodeArgs: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Where npm would run it, if it comes from a start script. */
  readonly cwd?: string;
  /** For people. */
  readonly label: string;
}

const EXTENSIONS = ['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts'];
/** Flags of node that take the next word when they have no `=`. */
const TAKES_NEXT =
  /^(?:-r|-C|--require|--import|--loader|--experimental-loader|--conditions|--env-file(?:-if-exists)?|--title)$/;

/** The app that the command line names, relative to `folder`; without a name, what the folder's package.json starts. */
export function findApp(name: string | undefined, folder: string): App {
  if (name === undefined) return appOfPackage(folder);
  const path = resolve(folder, name);
  if (isDirectory(path)) return appOfPackage(path);
  const file = withExtension(path);
  if (file !== undefined) return plain(file);
  throw usageError(
    extname(name) === '' && !name.includes('/')
      ? `There is no file ${name} in ${folder}; to run a command that is no Node app, write: multiserver start -- ${name} …`
      : `There is no file ${path}.`,
  );
}

function appOfPackage(folder: string): App {
  const manifest = readManifest(join(folder, 'package.json'), folder);
  const script = manifest.scripts?.start;
  if (typeof script === 'string') {
    const app = appOfScript(script, folder);
    if (app) return app;
  }
  const main =
    withExtension(resolve(folder, manifest.main ?? 'index.js')) ??
    withExtension(resolve(folder, manifest.main ?? '.', 'index'));
  if (main !== undefined) return plain(main);
  throw usageError(
    typeof script === 'string'
      ? `The start script of ${join(folder, 'package.json')} ("${script}") runs neither a file with node nor a package's command that is JavaScript: name the app, or run it as a command with -p <port>: multiserver start -p 3000 -- npx ${script}`
      : `${join(folder, 'package.json')} has neither a start script nor a main file: name the app, as in: multiserver start server.js`,
  );
}

/** `NODE_ENV=production node --enable-source-maps server.js --port 80` or `next start`, if it is of this form and the file is there. */
function appOfScript(script: string, folder: string): App | undefined {
  const words = splitWords(script);
  if (!words) return undefined;
  const env: Record<string, string> = {};
  let i = 0;
  for (; /^[A-Za-z_]\w*=/.test(words[i] ?? ''); i++) {
    const [name = '', ...value] = words[i]!.split('=');
    env[name] = value.join('=');
  }
  const command = words[i++] ?? '';
  if (command !== 'node') {
    const file = commandFile(command, folder);
    const args = words.slice(i);
    return file === undefined ? undefined : { file, args, nodeArgs: [], env, cwd: folder, label: script };
  }
  const nodeArgs: string[] = [];
  while (words[i]?.startsWith('-')) {
    if (/^(?:-e|-p|--eval|--print|--watch|--test|--run)\b/.test(words[i]!)) return undefined;
    if (TAKES_NEXT.test(words[i]!)) nodeArgs.push(words[i++]!);
    if (i < words.length) nodeArgs.push(words[i++]!);
  }
  const file = words[i] === undefined ? undefined : withExtension(resolve(folder, words[i]!));
  return file === undefined
    ? undefined
    : { file, args: words.slice(i + 1), nodeArgs, env, cwd: folder, label: label(file) };
}

/** The file behind a command of an installed package, if it is written in JavaScript. */
function commandFile(name: string, folder: string): string | undefined {
  if (!/^[\w.-]+$/.test(name)) return undefined;
  const link = join(folder, 'node_modules/.bin', name);
  if (!isFile(link)) {
    const above = dirname(folder);
    return above === folder ? undefined : commandFile(name, above);
  }
  const file = realpathSync(link);
  const [firstLine = ''] = readFileSync(file, 'utf8').split('\n', 1);
  return /^#!.*\bnode\b/.test(firstLine) ? file : undefined;
}

interface Manifest {
  main?: string;
  scripts?: { start?: unknown };
}

function readManifest(path: string, folder: string): Manifest {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    throw usageError(
      `There is no package.json in ${folder} that says what to start: name the app, as in: multiserver start server.js`,
    );
  }
  try {
    return JSON.parse(text) as Manifest;
  } catch (error) {
    throw usageError(`${path} is not valid JSON: ${(error as Error).message}.`);
  }
}

const plain = (file: string): App => ({ file, args: [], nodeArgs: [], env: {}, label: label(file) });

function label(file: string): string {
  const near = relative(process.cwd(), file);
  return near.startsWith('..') ? join(basename(dirname(file)), basename(file)) : near;
}

function withExtension(path: string): string | undefined {
  return [path, ...EXTENSIONS.map((extension) => path + extension)].find(isFile);
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
export const isDirectory = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
