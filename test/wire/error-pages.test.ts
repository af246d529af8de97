import assert from 'node:assert/strict';
import { HTTPException } from 'hono/http-exception';
import type { ErrorInfo, Page } from 'node-multiserver';
import { get, head, wire } from './harness.js';

/** A page of the user's, and one that breaks. */
const errorPage = ({ code, status, message, accepts }: ErrorInfo): Page | undefined => {
  if (status === 405) throw new Error('no page');
  if (status === 414) return Promise.reject(new Error('too late')) as unknown as Page;
  return accepts === 'html'
    ? { contentType: 'text/html', body: `<p>é ${code}` }
    : { contentType: 'text/plain', body: message };
};

wire(
  'errorPage makes the pages of errors, whoever answers them; where it fails, the built-in one is sent',
  async (stage) => {
    const { balancer } = stage;
    const problems: string[] = [];
    balancer.events.on('problem', (message) => problems.push(message));
    const asks = async (request: string, status: number, text: string): Promise<void> => {
      const client = stage.connect().send(request);
      const { head: answer, body } = await client.response(status);
      assert.ok(body.text.includes(text), body.text);
      assert.ok(answer.field('cache-control') === 'no-store');
      client.close();
    };
    await asks(get('/', 'Accept: text/html'), 503, '<p>\xc3\xa9 MS_NO_ENDPOINT');
    await asks(get('/own/x'), 503, 'No endpoint is available.');
    await asks('nonsense\r\n\r\n', 400, 'The request line');
    for (let i = 0; i < 2; i++) await asks(head('TRACE / HTTP/1.1', 'Host: a.example'), 405, '"MS_METHOD_NOT_ALLOWED"');
    await asks(get(`/${'x'.repeat(9000)}`), 414, '"MS_TARGET_TOO_LONG"');
    assert.deepEqual(problems, [
      'errorPage threw an error for MS_METHOD_NOT_ALLOWED; the built-in page is sent.',
      'errorPage gave no { contentType, body } of two texts, nor undefined, for MS_TARGET_TOO_LONG; the built-in page is sent.',
    ]);
    balancer.reconfigure({ errorPage: undefined });
    await asks(get('/'), 503, '"MS_NO_ENDPOINT"');
  },
  { origins: 0, options: { errorPage }, setup: (balancer) => balancer.use('/own/*', (_, next) => next()) },
);

wire(
  'a route that throws is answered like every other error; what a client causes is not told',
  async (stage) => {
    const { client, balancer } = stage;
    const problems: string[] = [];
    balancer.events.on('problem', (message) => problems.push(message));
    client.send(get('/throws', 'Accept: text/html'), get('/teapot'));
    assert.match((await client.response(500)).body.text, /<!doctype html>.*MS_INTERNAL/s);
    await client.response(418, 'teapot');
    client.send(head('POST /reads HTTP/1.1', 'Host: a.example', 'Transfer-Encoding: chunked'), '1\r\nxX');
    assert.match((await client.response(400)).body.text, /MS_BAD_CHUNK/);
    await client.expectClosed();
    assert.equal(problems.length, 1);
    assert.match(problems[0]!, /^GET \/throws threw Error: secret\n +at .*error-pages/);
    assert.deepEqual(balancer.status().errors, { MS_INTERNAL: 1, MS_BAD_CHUNK: 1 });
    assert.equal((await balancer.request('/throws')).status, 500);
    balancer.onError((error, c) => c.text(`own: ${error.message}`, 500));
    const other = stage.connect().send(get('/throws'));
    await other.response(500, 'own: secret');
  },
  {
    setup: (balancer) => {
      balancer.get('/throws', () => {
        throw new Error('secret');
      });
      balancer.get('/teapot', () => {
        throw new HTTPException(418, { message: 'teapot' });
      });
      balancer.post('/reads', async (c) => c.text(await c.req.text()));
    },
  },
);
