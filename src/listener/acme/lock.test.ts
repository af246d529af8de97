import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { LockFile } from './lock.js';

const folder = mkdtempSync(join(tmpdir(), 'ms-lock-'));
after(() => rmSync(folder, { recursive: true }));

let time = 0;
const lockIn = (name: string) => new LockFile(join(folder, name), () => time);

test('only one process at a time holds the lock', () => {
  const [one, other] = [lockIn('one'), lockIn('one')];
  const unlock = one.take();
  assert.ok(unlock);
  assert.equal(other.take(), undefined);
  unlock();
  const again = other.take();
  assert.ok(again);
  again();
  assert.equal(existsSync(join(folder, 'one')), false);
});

test('one whose file has not moved for half a minute loses it, whatever the clocks say, and takes away no lock but its own', () => {
  const [dead, other, third] = [lockIn('dead'), lockIn('dead'), lockIn('dead')];
  const unlock = dead.take()!;
  for (const year of [2001, 2031]) {
    utimesSync(join(folder, 'dead'), year, year);
    assert.equal(other.take(), undefined, 'the file has just moved');
    time += 29_000;
    assert.equal(other.take(), undefined);
  }
  time += 2000;
  assert.equal(third.take(), undefined, 'it has not looked before');
  const mine = other.take();
  assert.ok(mine);
  const content = readFileSync(join(folder, 'dead'), 'utf8');
  unlock();
  assert.equal(readFileSync(join(folder, 'dead'), 'utf8'), content);
  assert.equal(dead.take(), undefined);
  mine();
});
