import assert from 'node:assert/strict';
import { it } from 'node:test';
import { example } from './example.js';

const missing = (process.env.MULTISERVER_MISSING ?? '').split(' ').includes('python3') && 'python3 is not here';

example('the Python example', { args: ['--', 'python3', 'examples/python/app.py'], skip: missing }, (site) => {
  it('serves the files of its public folder', async () => {
    const { status, text } = await site.ask('/');
    assert.equal(status, 200);
    assert.match(text, /served by Python/);
  });
});
