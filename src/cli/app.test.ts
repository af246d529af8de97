import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { findApp } from './app.js';

let folder = '';

beforeEach(() => (folder = realpathSync(mkdtempSync(join(tmpdir(), 'ms-app-')))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text = ''): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

function script(start: string): void {
  write('package.json', JSON.stringify({ scripts: { start } }));
}

describe('the start script of a package', () => {
  test('that runs a file with node is taken apart, where npm would run it', () => {
    const file = write('server.js');
    script('NODE_ENV=production node --enable-source-maps server --port 80');
    const { label, ...app } = findApp('.', folder);
    assert.deepEqual(app, {
      file,
      args: ['--port', '80'],
      nodeArgs: ['--enable-source-maps'],
      env: { NODE_ENV: 'production' },
      cwd: folder,
    });
    assert.match(label, /server\.js$/);
  });

  test("that runs a package's command runs the file behind it, also when it is installed further up", () => {
    const file = write('node_modules/framework/cli.js', '#!/usr/bin/env node\n');
    mkdirSync(join(folder, 'node_modules/.bin'));
    symlinkSync('../framework/cli.js', join(folder, 'node_modules/.bin/framework'));
    script('framework start --fast');
    mkdirSync(join(folder, 'packages/app'), { recursive: true });
    write('packages/app/package.json', JSON.stringify({ scripts: { start: 'framework start' } }));

    assert.deepEqual(findApp(undefined, folder), {
      file,
      args: ['start', '--fast'],
      nodeArgs: [],
      env: {},
      cwd: folder,
      label: 'framework start --fast',
    });
    const { cwd, args } = findApp('packages/app', folder);
    assert.deepEqual([cwd, args], [join(folder, 'packages/app'), ['start']]);
  });

  test('that is anything else is refused, and the refusal says what to write instead', () => {
    write('node_modules/.bin/other', '#!/bin/sh\n');
    for (const start of ['other', 'absent', 'npm run build && node server.js', 'node --watch server.js', '../cli.js']) {
      script(start);
      assert.throws(() => findApp(undefined, folder), /multiserver start -p 3000 -- npx /, start);
    }
  });
});
