import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, extname, join, posix, relative, sep } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

/**
 * The parts of src/, lowest layer first. A part imports from the layers below its own; files (not folders) of one layer may know
 * each other; the command line sees what a user sees.
 */
const LAYERS = [
  ['contracts', 'util'],
  ['options', 'option-types', 'errors', 'exchange', 'link'],
  ['http1', 'http2', 'cache', 'balance', 'sessions', 'websockets'],
  ['listener', 'upstream', 'supervisor', 'observe'],
  ['proxy'],
  ['load-balancer'],
  ['index'],
  ['cli', 'testing'],
];
/** What a user can import; the only door for `cli` and `testing`. */
const PUBLIC = new Set(['index']);
const ENTRY_ONLY = new Set(['cli', 'testing']);
const MAX_LINES = 400;

const root = fileURLToPath(new URL('../../../', import.meta.url));

interface Source {
  /** From the root of the repository, with `/`. */
  readonly path: string;
  readonly text: string;
}

function sourcesBelow(folder: string, extensions: readonly string[]): Source[] {
  const found: Source[] = [];
  for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !extensions.includes(extname(entry.name))) continue;
    const path = relative(root, join(entry.parentPath, entry.name)).split(sep).join('/');
    if (!/\/(node_modules|\.next)\//.test(path)) found.push({ path, text: readFileSync(join(root, path), 'utf8') });
  }
  return found;
}

/** Every module a file names: `import … from`, `export … from`, bare `import '…'`, `import('…')`, also in types, `require('…')`. */
export function importsOf(text: string): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  const statement =
    /^\s*(?:import|export)\b(?:[^'"`;]*?\bfrom)?\s*['"]([^'"]+)['"]|\b(?:import|require)\(\s*['"]([^'"]+)['"]/gm;
  return Array.from(code.matchAll(statement), (match) => match[1] ?? match[2]!);
}

/** `src/http1/parser.ts` belongs to the part `http1`, `src/options.ts` and `src/options.test.ts` to `options`. */
function partOf(path: string): { name: string; isFolder: boolean } {
  const [, first = '', ...rest] = path.split('/');
  return { name: first.replace(/(\.test)?\.ts$/, ''), isFolder: rest.length > 0 };
}

const layerOf = (name: string): number => LAYERS.findIndex((layer) => layer.includes(name));

/** Why `path` may not import `specifier`; nothing when it may. */
export function complaint(path: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  const target = posix.join(dirname(path), specifier).replace(/\.(c?)js$/, '.$1ts');
  if (!target.startsWith('src/')) return `${path} imports ${specifier}, which is outside src`;
  const from = partOf(path);
  const to = partOf(target);
  if (from.name === to.name) return undefined;
  if (ENTRY_ONLY.has(from.name)) {
    return PUBLIC.has(to.name) ? undefined : `${path} imports ${specifier}: ${from.name} uses public names only`;
  }
  const below = layerOf(to.name) < layerOf(from.name);
  const fileBeside = layerOf(to.name) === layerOf(from.name) && !to.isFolder;
  return below || fileBeside ? undefined : `${path} imports ${specifier}: ${to.name} is not below ${from.name}`;
}

const src = sourcesBelow('src', ['.ts', '.cts']);
const shipped = src.filter(({ path }) => !path.endsWith('.test.ts'));
const everything = [
  ...src,
  ...sourcesBelow('test', ['.ts']),
  ...['scripts', 'bench', 'examples'].flatMap((folder) => sourcesBelow(folder, ['.js', '.mjs', '.cjs', '.jsx', '.ts'])),
];

test('every file of src belongs to a layer', () => {
  const homeless = src.filter(({ path }) => layerOf(partOf(path).name) === -1);
  assert.deepEqual(
    homeless.map(({ path }) => path),
    [],
  );
});

test('imports go downwards only, and the command line uses public names only', () => {
  const complaints = src.flatMap(({ path, text }) => importsOf(text).map((specifier) => complaint(path, specifier)));
  assert.deepEqual(
    complaints.filter((found) => found !== undefined),
    [],
  );
});

test('what is shipped imports only Node itself and the declared dependencies', () => {
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { dependencies: object };
  const allowed = new Set(Object.keys(dependencies));
  const strangers = shipped.flatMap(({ path, text }) =>
    importsOf(text)
      .filter((name) => !name.startsWith('.') && !name.startsWith('node:'))
      .filter((name) => !allowed.has(/^(@[^/]+\/)?[^/]+/.exec(name)![0]))
      .map((name) => `${path} imports ${name}`),
  );
  assert.deepEqual(strangers, []);
});

test(`no file is longer than ${MAX_LINES} lines`, () => {
  const long = everything.filter(({ text }) => text.split('\n').length > MAX_LINES + 1);
  assert.deepEqual(
    long.map(({ path }) => path),
    [],
  );
});

test('nothing outside the command line writes to the console', () => {
  const talkative = shipped.filter(({ path, text }) => !path.startsWith('src/cli/') && /\bconsole\.\w+\(/.test(text));
  assert.deepEqual(
    talkative.map(({ path }) => path),
    [],
  );
});

test('nothing is left to be done in a comment', () => {
  const marks = /\b(TO[D]O|FIX[M]E|XX[X])\b/; // brackets, so that this line is none itself
  const unfinished = everything.filter(({ text }) => marks.test(text));
  assert.deepEqual(
    unfinished.map(({ path }) => path),
    [],
  );
});

test('the scanner sees every way of importing', () => {
  const text = [
    "import a from './a.js';",
    "import {\n  b,\n  type C,\n} from './b.js';",
    "export * from './c.js';",
    "import './d.js';",
    "const e = await import('./e.js');",
    "type F = import('./f.js').F;",
    "import g = require('./g.cjs');",
    "// import i from './i.js';",
    "/* import h from './h.js'; */",
    "const text = 'import j from nowhere';",
  ].join('\n');
  assert.deepEqual(importsOf(text), ['./a.js', './b.js', './c.js', './d.js', './e.js', './f.js', './g.cjs']);
});

test('the rule allows what is below and refuses what is above or beside', () => {
  const allowed = [
    ['src/proxy/forwarding.ts', '../http1/fields.js'],
    ['src/proxy/forwarding.ts', './trust.js'],
    ['src/exchange.ts', './errors.js'],
    ['src/load-balancer.ts', './proxy/forwarding.js'],
    ['src/cli/main.ts', '../index.js'],
    ['src/http1/parser.ts', 'node:net'],
  ] as const;
  const refused = [
    ['src/http1/parser.ts', '../proxy/forwarding.js'],
    ['src/http1/parser.ts', '../balance/pool.js'],
    ['src/errors.ts', './link/frames.js'],
    ['src/balance/pool.ts', '../load-balancer.js'],
    ['src/cli/main.ts', '../supervisor/supervisor.js'],
    ['src/cli/main.ts', '../../scripts/build.mjs'],
  ] as const;
  for (const [path, specifier] of allowed) assert.equal(complaint(path, specifier), undefined);
  for (const [path, specifier] of refused) assert.notEqual(complaint(path, specifier), undefined);
});
