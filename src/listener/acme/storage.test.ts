import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { MultiserverError } from '../../errors.js';
import { AcmeStorage } from './storage.js';

const folder = mkdtempSync(join(tmpdir(), 'ms-acme-'));
after(() => rmSync(folder, { recursive: true }));

const modeOf = (path: string): number => statSync(path).mode & 0o777;
const noProblem = (path: string): void => assert.fail(path);

test('keys are for their owner alone, and an account stays the same', () => {
  const store = new AcmeStorage(join(folder, 'private'));
  const key = store.accountKey(noProblem);
  store.keep('a.example', 'PEM');
  assert.ok(new AcmeStorage(store.folder).accountKey(noProblem).equals(key));
  assert.deepEqual(
    [store.folder, store.fileOf('a.example'), join(store.folder, 'account.pem')].map(modeOf),
    [0o700, 0o600, 0o600],
  );
  assert.deepEqual(readdirSync(join(store.folder, 'certificates')), ['a.example.pem']);
});

test('failures are known to every process, until it has gone well', () => {
  const [one, other] = [new AcmeStorage(join(folder, 'failures')), new AcmeStorage(join(folder, 'failures'))];
  assert.equal(one.failuresOf('a.example'), undefined);
  one.noteFailures('a.example', { count: 2, at: 5, until: 7 });
  assert.deepEqual(other.failuresOf('a.example'), { count: 2, at: 5, until: 7 });
  assert.equal(other.failuresOf('b.example'), undefined);
  other.noteFailures('a.example', undefined);
  assert.equal(one.failuresOf('a.example'), undefined);
  for (const damaged of ['', '{"count":1}', 'null']) {
    writeFileSync(join(one.folder, 'failures', 'a.example.json'), damaged);
    assert.equal(one.failuresOf('a.example'), undefined);
  }
});

test('an answer is there for every process until it is withdrawn, and is all that a token can name', () => {
  const [one, other] = [new AcmeStorage(join(folder, 'answers')), new AcmeStorage(join(folder, 'answers'))];
  one.accountKey(noProblem);
  one.publish('of-one-that-was-killed', 'answer');
  const withdraw = one.publish('to-ken_1', 'answer');
  assert.equal(other.answerTo('of-one-that-was-killed'), undefined);
  assert.equal(other.answerTo('to-ken_1'), 'answer');
  for (const token of ['', '.', '..', '../account.pem', '%2e%2e', 'other', 'to-ken_1?x', 'x'.repeat(200)]) {
    assert.equal(other.answerTo(token), undefined, token);
  }
  assert.throws(() => one.publish('../x', 'answer'), /token that is none/);
  withdraw();
  assert.equal(other.answerTo('to-ken_1'), undefined);
});

test('a folder that cannot be used is found at once', () => {
  writeFileSync(join(folder, 'file'), '');
  assert.throws(
    () => new AcmeStorage(join(folder, 'file', 'below')),
    (error: MultiserverError) =>
      error.code === 'MS_ACME_FAILED' && /file\/below for certificates cannot/.test(error.message),
  );
});
