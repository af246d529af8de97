import assert from 'node:assert/strict';
import { test } from 'node:test';
import { example, Site } from './example.js';

const args = ['examples/typescript/app.ts'];
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const reads = major > 22 || (major === 22 && minor >= 6);

example('the TypeScript example', { args, skip: !reads && 'this Node reads no TypeScript' });

test('a Node that reads no TypeScript says what to do', { skip: reads && 'this Node reads TypeScript' }, async (t) => {
  const site = new Site({ args });
  t.after(() => site.stop());
  await assert.rejects(site.start(), /cannot run TypeScript by itself: install tsx in the app/);
});
