import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { findApp } from './app-file.js';

const folder = mkdtempSync(join(tmpdir(), 'ms-find-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text = ''): void {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), text);
}

const flags = (app: string, runtime: { version: string; typescript: unknown }) =>
  findApp(app, folder, runtime).nodeArgs;

const OLD = { version: '20.19.0', typescript: undefined };

test('an app is a file, one without its extension, or a folder', () => {
  write('a.js');
  write('b.mjs');
  write('main/package.json', '{"main":"lib/start"}');
  write('main/lib/start.cjs');
  write('index/index.js');
  const found = (app: string) => findApp(app, folder).file;
  assert.equal(found('a.js'), join(folder, 'a.js'));
  assert.equal(found('b'), join(folder, 'b.mjs'));
  assert.equal(found('main'), join(folder, 'main/lib/start.cjs'));
  assert.equal(found('index'), join(folder, 'index/index.js'));
});

test('what is not there is said', () => {
  write('none/x.txt');
  write('lost/package.json', '{"main":"gone.js"}');
  write('bad/package.json', '{');
  assert.throws(() => findApp('nowhere.js', folder), /The app .*nowhere\.js does not exist/);
  assert.throws(() => findApp('none', folder), /neither a package\.json nor an index\.js/);
  assert.throws(() => findApp('lost', folder), /"main" of its package\.json leads to .*gone\.js, which does not exist/);
  assert.throws(() => findApp('bad', folder), /is not valid JSON/);
});

test("TypeScript is run by the app's tsx, by Node itself where it can, or refused with what to do", () => {
  write('plain/app.ts');
  write('plain/app.tsx');
  assert.deepEqual(flags('plain/app.ts', { version: '24.1.0', typescript: 'strip' }), []);
  assert.deepEqual(flags('plain/app.ts', { version: '22.6.0', typescript: undefined }), ['--experimental-strip-types']);
  assert.throws(() => flags('plain/app.ts', OLD), /Node 20\.19\.0 cannot run TypeScript by itself: install tsx/);
  assert.throws(
    () => flags('plain/app.tsx', { version: '24.1.0', typescript: 'strip' }),
    /cannot run \.tsx files by itself/,
  );
  write('own/node_modules/tsx/package.json', '{"name":"tsx","exports":"./loader.js"}');
  write('own/node_modules/tsx/loader.js');
  write('own/src/app.ts');
  const [flag, loader] = flags('own/src/app.ts', OLD);
  assert.equal(flag, '--import');
  assert.match(loader!, /^file:.*own\/node_modules\/tsx\/loader\.js$/);
});
