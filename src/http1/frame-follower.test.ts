import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FrameFollower } from './frame-follower.js';

/** A frame with a payload of `size`, as RFC 6455 §5.2 draws it. */
function frame(opcode: number, size: number, masked: boolean, wide: boolean): Buffer {
  const mask = masked ? 0x80 : 0;
  const head =
    size > 0xffff || wide
      ? [mask | 127, 0, 0, 0, 0, size >>> 24, (size >>> 16) & 0xff, (size >>> 8) & 0xff, size & 0xff]
      : size > 125
        ? [mask | 126, size >>> 8, size & 0xff]
        : [mask | size];
  return Buffer.concat([Buffer.of(0x80 | opcode, ...head), Buffer.alloc((masked ? 4 : 0) + size, 0x88)]);
}

const frames = fc.array(
  fc.record({
    opcode: fc.constantFrom(0, 1, 2, 9, 10),
    size: fc.oneof(fc.constantFrom(0, 1, 125, 126, 127, 65_535, 65_536), fc.nat(300)),
    masked: fc.boolean(),
    wide: fc.boolean(),
  }),
  { maxLength: 6 },
);

test('knows the end of every frame, however the octets are split', () => {
  fc.assert(
    fc.property(frames, fc.array(fc.nat(70_000), { maxLength: 12 }), (list, cuts) => {
      const parts = list.map(({ opcode, size, masked, wide }) => frame(opcode, size, masked, wide));
      const all = Buffer.concat(parts);
      const ends = new Set([0]);
      for (const part of parts) ends.add(Math.max(...ends) + part.length);
      const at = [...new Set([...cuts.filter((cut) => cut < all.length), all.length])].toSorted((a, b) => a - b);
      const follower = new FrameFollower();
      let p = 0;
      for (const end of at) {
        p = follower.follow(all, p, end);
        assert.equal(p, end);
        assert.equal(follower.between, ends.has(p), `at ${p} of ${[...ends].join(', ')}`);
      }
      assert.equal(follower.closed, false);
    }),
    { numRuns: 300 },
  );
});

test('stops at the end of the frame in progress when asked to, and knows a Close frame', () => {
  const [first, second] = [frame(2, 300, false, false), frame(8, 2, false, false)];
  const all = Buffer.concat([first, second]);
  const follower = new FrameFollower();
  assert.equal(follower.follow(all, 0, 10), 10);
  assert.equal(follower.follow(all, 10, all.length, true), first.length);
  assert.equal(follower.closed, false);
  assert.equal(follower.follow(all, first.length, all.length, true), all.length);
  assert.equal(follower.closed, true);
});
