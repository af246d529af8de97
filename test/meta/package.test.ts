import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const cwd = fileURLToPath(new URL('../../../', import.meta.url));

test('the package holds what runs and what is to be read, and none of the tests', () => {
  const text = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd, encoding: 'utf8' });
  const report = JSON.parse(text) as { files: { path: string }[] }[] | Record<string, { files: { path: string }[] }>;
  const [pack] = Object.values(report);
  const paths = pack!.files.map(({ path }) => path);
  for (const path of ['README.md', 'CHANGELOG.md', 'LICENSE', 'package.json', 'dist/index.js', 'dist/index.d.ts']) {
    assert.ok(paths.includes(path), path);
  }
  for (const path of ['dist/cli/main.js', 'dist/supervisor/preload.cjs']) assert.ok(paths.includes(path), path);
  const strange = paths.filter((path) => (path.includes('/') && !path.startsWith('dist/')) || /\btest\b/.test(path));
  assert.deepEqual(strange, []);
});

test('apps of both kinds of module can load it', () => {
  const { version } = JSON.parse(readFileSync(`${cwd}package.json`, 'utf8')) as { version: string };
  const run = (kind: string, code: string): string =>
    execFileSync(process.execPath, [`--input-type=${kind}`, '--eval', code], { cwd, encoding: 'utf8' }).trim();
  assert.equal(run('module', "import { VERSION } from 'node-multiserver'; console.log(VERSION)"), version);
  assert.equal(run('commonjs', "console.log(require('node-multiserver').VERSION)"), version);
});
