import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));

test('the reference is in step with the tables of options, errors, events and commands', () => {
  const script = join(root, 'scripts/reference.mjs');
  const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
});

test('no event is left out of the reference because its declaration could not be read', () => {
  const source = readFileSync(join(root, 'src/load-balancer/events.ts'), 'utf8');
  const page = readFileSync(join(root, 'docs/reference/events.md'), 'utf8');
  const [, declared = ''] = source.split('export interface BalancerEvents');
  const names = Array.from(declared.matchAll(/^ {2}(\w+): /gm), ([, name]) => name!);
  assert.ok(names.length > 0);
  assert.deepEqual(
    Array.from(page.matchAll(/^\| `(\w+)`/gm), ([, name]) => name!),
    names,
  );
});
