// The one test command: builds, sees to the programs that tests need, runs every test.
//   npm test                      everything, at counts that fit a coffee break
//   npm test -- wire supervisor   only files whose path contains one of the words
//   npm run test:long             the full counts
//   MULTISERVER_SEED=7 npm test   random tests as in an earlier run
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import { prepare } from './services.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const flags = process.argv.slice(2).filter((word) => word.startsWith('--'));
const filters = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const unknown = flags.find((flag) => flag !== '--long');
if (unknown !== undefined) fail(`Unknown flag ${unknown}`);

const missing = prepare('test');
if (missing.length > 0 && process.env.CI === 'true') fail(`Missing: ${missing.join(', ')}`);

const build = spawnSync(process.execPath, [join(root, 'scripts/build.mjs')], { stdio: 'inherit' });
if (build.status !== 0) fail('The build failed');

const files = ['dist', 'build/test'].flatMap(testsBelow).filter(matches).toSorted();
if (files.length === 0) fail(`No test file matches ${filters.join(' ')}`);

// Inherited by the test files' processes.
process.env.MULTISERVER_SEED ??= String(randomInt(1, 2 ** 31));
process.env.MULTISERVER_MISSING = missing.join(' ');
if (flags.includes('--long')) process.env.MULTISERVER_LONG = '1';
console.log(`${files.length} test files, seed ${process.env.MULTISERVER_SEED}`);

// Two at a time, not one a core: tests of processes and time-outs must hold on a small machine and on a large one alike.
const results = run({ files, concurrency: 2, timeout: 30 * 60_000 });
const counts = {};
results.on('test:diagnostic', ({ message, nesting }) => {
  const [, name, count] = /^(pass|fail|cancelled|skipped|todo) (\d+)$/.exec(message) ?? [];
  if (nesting === 0 && name !== undefined) counts[name] = Number(count);
});
results.compose(spec).pipe(process.stdout);
results.on('end', () => {
  process.once('exit', () => {
    const failed = counts.fail + counts.cancelled;
    if (missing.length > 0) console.log(`\nTests left out, because of what is missing here: ${missing.join(', ')}`);
    console.log(`\n${counts.pass} passed, ${failed} failed, ${counts.skipped} skipped`);
    if (failed > 0 || counts.pass === 0) process.exitCode = 1;
  });
});

function testsBelow(folder) {
  return readdirSync(join(root, folder), { recursive: true })
    .filter((path) => path.endsWith('.test.js'))
    .map((path) => join(root, folder, path));
}

function matches(file) {
  return filters.length === 0 || filters.some((word) => relative(root, file).includes(word));
}

function fail(reason) {
  console.error(reason);
  process.exit(1);
}
