import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { example, ROOT } from './example.js';

function build(): void {
  const tsc = `${ROOT}node_modules/typescript/bin/tsc`;
  const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, '-p', `${ROOT}examples/nestjs`], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stdout + stderr);
}

example('the NestJS example', { prepare: build, args: ['examples/nestjs'] });
