import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { it } from 'node:test';
import { example, ROOT } from './example.js';

const cwd = `${ROOT}examples/next`;
const next = `${ROOT}node_modules/next/dist/bin/next`;

function build(): void {
  const env = { ...process.env, NEXT_TELEMETRY_DISABLED: '1' };
  const { status, stdout, stderr } = spawnSync(process.execPath, [next, 'build'], { cwd, env, encoding: 'utf8' });
  assert.equal(status, 0, stdout + stderr);
}

example('the Next.js example', { prepare: build, args: ['examples/next'], prefix: '/api' }, (site) => {
  it('renders a page anew in each worker', async () => {
    const pages = [await site.ask('/'), await site.ask('/')];
    const workers = pages.map(({ text }) => /rendered by worker (?:<!-- -->)?(\d)/.exec(text)?.[1]);
    assert.deepEqual(workers.toSorted(), ['0', '1']);
  });

  it('serves its static files', async () => {
    const { status, text } = await site.ask('/hello.txt');
    assert.equal(status, 200);
    assert.equal(text, 'A file of the public folder.\n');
  });
});
