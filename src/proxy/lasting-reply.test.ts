import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BODY_CHUNKED, BODY_LENGTH, BODY_TUNNEL } from '../exchange.js';
import { headOf } from '../http1/fields.js';
import { FakeExchange } from './exchange.test.fake.js';
import { lastingReply, type LastingReply } from './lasting-reply.js';

const EVENTS = headOf(['Content-Type', 'text/event-stream']);

/** The reply to a client who was sent the head, and what became of it. */
function lasting(body: number, head = EVENTS): { client: FakeExchange; reply: LastingReply; finished: () => number } {
  const client = new FakeExchange();
  let count = 0;
  client.sendHead(200, 'OK', head, body, -1);
  const reply = lastingReply(client, head, body, () => count++);
  assert.ok(reply !== null);
  return { client, reply, finished: () => count };
}

test('an event stream that is drained ends after an event, whatever its line ends and however it is cut', () => {
  const line = fc.constantFrom('data: 1', 'id: x', ':', 'event: tick', 'data');
  const lineEnd = fc.constantFrom('\n', '\r\n', '\r');
  const event = fc
    .tuple(fc.array(line, { minLength: 1, maxLength: 3 }), lineEnd)
    .map(([lines, end]) => lines.map((text) => text + end).join('') + end);
  fc.assert(
    fc.property(
      fc.array(event, { minLength: 1, maxLength: 5 }),
      fc.array(fc.nat(60)),
      fc.nat(8),
      (events, cuts, when) => {
        const text = events.join('');
        const at = [...new Set([...cuts.filter((cut) => cut < text.length), text.length])].toSorted((a, b) => a - b);
        const { client, reply, finished } = lasting(BODY_CHUNKED);
        let from = 0;
        at.forEach((to, i) => {
          if (finished() > 0) return;
          if (i === when) reply.drain();
          if (finished() === 0) reply.sendData(Buffer.from(text.slice(from, to)));
          from = to;
        });
        const sent = client.text;
        assert.ok(text.startsWith(sent));
        if (finished() === 0) return;
        assert.equal(finished(), 1);
        let length = 0;
        const ends = new Set([0, ...events.map((one) => (length += one.length))]);
        // Of `\r\n` at the end the `\r` is enough.
        assert.ok(
          ends.has(sent.length) || (ends.has(sent.length + 1) && text[sent.length] === '\n'),
          JSON.stringify(sent),
        );
      },
    ),
    { numRuns: 500 },
  );
});

test('an event stream that is drained between two events ends at once', () => {
  const { reply, finished } = lasting(BODY_CHUNKED);
  reply.sendData(Buffer.from('data: 1\n\n'));
  reply.drain();
  assert.equal(finished(), 1);
});

test('a compressed or measured event stream is left to its endpoint', () => {
  const client = new FakeExchange();
  const head = headOf(['Content-Type', 'text/event-stream', 'Content-Encoding', 'gzip']);
  assert.equal(
    lastingReply(client, head, BODY_CHUNKED, () => {}),
    null,
  );
  assert.equal(
    lastingReply(client, EVENTS, BODY_LENGTH, () => {}),
    null,
  );
});

test('a WebSocket that is drained gets 1001 after the frame in progress, and nothing more', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { client, reply, finished } = lasting(BODY_TUNNEL, headOf([]));
  reply.sendData(Buffer.of(0x82, 3, 1));
  reply.drain();
  assert.deepEqual(Buffer.concat(client.data), Buffer.of(0x82, 3, 1));
  reply.sendData(Buffer.of(2, 3, 0x82, 1, 9));
  reply.sendData(Buffer.of(0x82, 1, 9));
  assert.deepEqual(Buffer.concat(client.data), Buffer.of(0x82, 3, 1, 2, 3, 0x88, 2, 0x03, 0xe9));
  assert.equal(finished(), 0, 'the client may answer');
  t.mock.timers.tick(2000);
  assert.equal(finished(), 1);
  reply.sendEnd(null);
});

test('a WebSocket that its endpoint has closed already is left alone', () => {
  const { client, reply } = lasting(BODY_TUNNEL, headOf([]));
  reply.sendData(Buffer.of(0x88, 2, 0x03, 0xe8));
  reply.drain();
  assert.deepEqual(Buffer.concat(client.data), Buffer.of(0x88, 2, 0x03, 0xe8));
});
