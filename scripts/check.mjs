// What can be said about the tree without running it: types, lint, format, the package's shape, docs/reference, the direction of imports.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));

const CHECKS = [
  ['types and build', 'node', 'scripts/build.mjs'],
  ['types of the TypeScript example', 'node_modules/.bin/tsc', '-p', 'examples/typescript'],
  ['lint', 'node_modules/.bin/oxlint', '--type-aware', '--deny-warnings'],
  ['format', 'node_modules/.bin/oxfmt', '--check'],
  ['package', 'node_modules/.bin/publint', '--strict'],
  ['reference', 'node', 'scripts/reference.mjs', '--check'],
  ['layers', 'node', '--test', 'build/test/meta/layers.test.js'],
];

let failed = 0;
for (const [name, command, ...args] of CHECKS) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${name}`);
  if (status !== 0) {
    failed++;
    console.log(stripVTControlCharacters(`${stdout ?? ''}${stderr ?? ''}`));
  }
}
process.exit(failed === 0 ? 0 : 1);
