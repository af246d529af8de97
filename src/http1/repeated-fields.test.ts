import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Dice, each, inputs, SEED } from './dice.test.fake.js';
import { FAILED, HeadParser, REQUEST } from './head-parser.js';
import { mutate, request, response, split } from './messages.test.fake.js';
import { LIMITS, readRequests, readResponses } from './reading.test.fake.js';
import { RepeatedHeads } from './repeated-fields.js';

/** Octets that resemble each other, as they come from one side. */
function resembling(dice: Dice, text: string): Buffer[] {
  return Array.from({ length: 6 }, () => Buffer.from(dice.once(2) ? text : mutate(dice, text), 'latin1'));
}

test(`fields are read the same whatever came before (seed ${SEED})`, async () => {
  await each(inputs(3000, 200_000), (dice) => {
    for (const [make, read] of [
      [request, (pieces: Buffer[], known?: RepeatedHeads) => readRequests(pieces, LIMITS, known)],
      [response, (pieces: Buffer[], known?: RepeatedHeads) => readResponses(pieces, LIMITS, 'GET', known)],
    ] as const) {
      const known = dice.once(2) ? RepeatedHeads.ofConnection() : RepeatedHeads.ofEndpoint();
      for (const octets of resembling(dice, make(dice))) {
        const pieces = dice.once(2) ? [octets] : split(dice, octets);
        assert.deepEqual(read(pieces, known), read([octets]), JSON.stringify(octets.toString('latin1')));
      }
    }
  });
});

const head = (target: string, fields: string): Buffer =>
  Buffer.from(`GET ${target} HTTP/1.1\r\n${fields}\r\n`, 'latin1');

/** Which of them the parser takes for a repetition. */
function repetitions(heads: readonly Buffer[], limits = LIMITS): string {
  const parser = new HeadParser(REQUEST, limits);
  return heads
    .map((octets) => {
      const end = parser.parse(octets, 0, octets.length);
      if (end !== octets.length) return parser.error;
      parser.reset();
      return parser.head(null).memo === null ? '-' : '=';
    })
    .join('');
}

test('the third head of a connection with the same fields is the first that is not parsed, whatever its target', () => {
  const short = 'Host: a\r\n';
  const long = `Host: a\r\nCookie: ${'c'.repeat(500)}\r\n`;
  for (const fields of [short, long])
    assert.equal(repetitions(['/', '/a', '/b', '/b'].map((target) => head(target, fields))), '--==');
  assert.equal(repetitions([short, short, short, long, long, short].map((fields) => head('/', fields))), '--=-=-');
});

test('fields that differ in one octet, anywhere, are not the same', () => {
  for (const length of [4, 300]) {
    const fields = `Host: a\r\nX: ${'x'.repeat(length)}\r\n`;
    for (let at = 0; at < fields.length; at++) {
      if (!/[ax]/.test(fields[at]!)) continue;
      const other = `${fields.slice(0, at)}y${fields.slice(at + 1)}`;
      assert.equal(repetitions([fields, fields, other].map((text) => head('/', text))), '---');
    }
  }
});

test('a head of more than 2048 octets is not kept, and one that never repeats seldom', () => {
  const huge = `Host: a\r\nX: ${'x'.repeat(2048)}\r\n`;
  assert.equal(repetitions(Array.from({ length: 5 }, () => head('/', huge))), '-----');
  const far = Array.from({ length: 5 }, () => head(`/${'a'.repeat(2048)}`, 'Host: a\r\n'));
  assert.equal(repetitions(far), '-----');
  const all = Array.from({ length: 40 }, (_, i) => head('/', `Host: a\r\nX: ${10 + i}\r\n`));
  assert.match(repetitions([...all, ...Array.from({ length: 20 }, () => all[0]!)]), /^-{40}-{0,16}=+$/);
});

test('limits hold for a head whose fields came before', () => {
  const limits = { ...LIMITS, maxHeadSize: 60 };
  const heads = ['/', '/', '/', `/${'a'.repeat(40)}`].map((target) => head(target, 'Host: a\r\n'));
  assert.equal(repetitions(heads, limits), '--=MS_HEAD_TOO_LARGE');
});

test('a limit that is lowered meanwhile holds', () => {
  const octets = head('/', 'Host: a\r\nX: b\r\n');
  const limits = { ...LIMITS };
  const parser = new HeadParser(REQUEST, limits);
  for (let i = 0; i < 3; i++) {
    assert.equal(parser.parse(octets, 0, octets.length), octets.length);
    parser.reset();
  }
  limits.maxFields = 1;
  assert.equal(parser.parse(octets, 0, octets.length), FAILED);
  assert.equal(parser.hit, 'maxFields');
});
