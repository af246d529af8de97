import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeFrame, FrameReader, MAX_FRAME } from './frames.js';

test('messages come out as they went in, however the bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue(), { maxLength: 8 }), fc.array(fc.nat(400)), (messages, cuts) => {
      const sent = messages.map((message) => JSON.parse(JSON.stringify(message)) as unknown);
      const bytes = Buffer.concat(sent.map(encodeFrame));
      const received: unknown[] = [];
      const reader = new FrameReader((message) => received.push(message));
      let from = 0;
      for (const to of [...cuts.filter((cut) => cut < bytes.length).toSorted((a, b) => a - b), bytes.length]) {
        if (to > from) reader.push(bytes.subarray(from, to));
        from = to;
      }
      assert.deepEqual(received, sent);
    }),
  );
});

test('a length over the bound, or what is no JSON, is refused before it is kept', () => {
  const tooLong = Buffer.alloc(4);
  tooLong.writeUInt32BE(MAX_FRAME + 1);
  assert.throws(() => new FrameReader(() => {}).push(tooLong), RangeError);
  assert.throws(() => new FrameReader(() => {}).push(Buffer.from([0, 0, 0, 1, 0x7b])), SyntaxError);
  assert.throws(() => encodeFrame('x'.repeat(MAX_FRAME)), RangeError);
});
