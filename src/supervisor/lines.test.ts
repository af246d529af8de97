import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LineSplitter, MAX_LINE, Tail } from './lines.js';

function split(...chunks: Buffer[]): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line));
  for (const chunk of chunks) splitter.push(chunk);
  splitter.end();
  return lines;
}

test('lines are told whole, whatever their ends and however they arrive; the last one needs no end', () => {
  const bytes = Buffer.from('eins\nzwei\r\n\nvié€r');
  const expected = ['eins', 'zwei', '', 'vié€r'];
  for (let at = 0; at <= bytes.length; at++)
    assert.deepEqual(split(bytes.subarray(0, at), bytes.subarray(at)), expected);
  assert.deepEqual(split(...Array.from(bytes, (byte) => Buffer.of(byte))), expected);
  assert.deepEqual(split(), []);
});

test('a line without end is handed on in pieces', () => {
  const lines = split(Buffer.alloc(2 * MAX_LINE + 5, 'x'));
  assert.deepEqual(
    lines.map(({ length }) => length),
    [MAX_LINE, MAX_LINE, 5],
  );
});

test('the last lines of much are kept, within bounds', () => {
  const tail = new Tail();
  for (let i = 0; i < 1000; i++) tail.add(`line ${i}`);
  assert.equal(tail.text().split('\n').length, 20);
  assert.match(tail.text(), /^line 980\n[^]*\nline 999$/);
  tail.add('y'.repeat(100_000));
  assert.equal(tail.text(), 'y'.repeat(8192));
});
