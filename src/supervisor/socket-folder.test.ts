import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { makeSocketFolder } from './socket-folder.js';

test('the folder of the sockets is private, and where paths are short enough not to be cut off', () => {
  const long = mkdtempSync('/tmp/ms-long-');
  const deep = join(long, 'x'.repeat(80));
  mkdirSync(deep);
  const made = makeSocketFolder([undefined, '', deep, '/nowhere-at-all', '/tmp']);
  try {
    assert.equal(dirname(made), '/tmp');
    assert.equal(statSync(made).mode & 0o777, 0o700);
  } finally {
    rmSync(made, { recursive: true });
    rmSync(long, { recursive: true });
  }
});

test('where there is none, that is said', () => {
  assert.throws(() => makeSocketFolder(['/nowhere-at-all']), { code: 'MS_WORKER_START_FAILED' });
});
