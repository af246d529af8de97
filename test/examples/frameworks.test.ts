import assert from 'node:assert/strict';
import { it } from 'node:test';
import { example } from './example.js';

example('the Express example', { args: ['examples/express/app.js'] }, (site) => {
  it('serves the files of its public folder', async () => {
    const { status, headers, text } = await site.ask('/');
    assert.equal(status, 200);
    assert.match(headers['content-type'] ?? '', /^text\/html/);
    assert.match(text, /<h1>One app, many workers<\/h1>/);
  });
});

example('the Fastify example', { args: ['examples/fastify/app.js'] });

example('the Koa example', { args: ['examples/koa/app.js'] });

example('the Hono example', { args: ['examples/hono/app.js'] });

example('the plain http example in CommonJS', { args: ['examples/http/app.cjs'] });
