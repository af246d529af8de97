import assert from 'node:assert/strict';
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
