import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE, type Head } from '../exchange.js';
import { type Dice, each, inputs, SEED } from './dice.test.fake.js';
import { headOf } from './fields.js';
import { mutate, response, split } from './messages.test.fake.js';
import { nodeIsStricter, readAsNodeClient, OLD_NODE } from './node-reading.test.fake.js';
import { LIMITS, type Message, NARROW, type Reading, readResponses } from './reading.test.fake.js';
import { chunkLine, writeInterimHead, writeLastChunk, writeResponseHead } from './writer.js';

/** So many connections Node reads at once. */
const BATCH = 50;

function connection(dice: Dice): Buffer {
  let text = '';
  for (let n = 1 + dice.below(2); n > 0; n--) text += response(dice);
  return Buffer.from(dice.once(3) ? text : mutate(dice, text), 'latin1');
}

test(`any split of the octets of responses gives the same result (seed ${SEED})`, async () => {
  await each(inputs(10_000, 500_000), (dice) => {
    const octets = connection(dice);
    const limits = dice.once(3) ? NARROW : LIMITS;
    assert.deepEqual(
      readResponses(split(dice, octets), limits),
      readResponses([octets], limits),
      JSON.stringify(octets.toString('latin1')),
    );
  });
});

test(`what we accept of an endpoint, Node's client reads the same (seed ${SEED})`, { skip: OLD_NODE }, async (t) => {
  const count = inputs(2000, 200_000);
  let accepted = 0;
  await each(count / BATCH, async (dice) => {
    const connections = Array.from({ length: BATCH }, () => connection(dice));
    const readings = await readAsNodeClient(connections);
    for (const [i, octets] of connections.entries()) if (isSame(octets, readings[i]!)) accepted++;
  });
  t.diagnostic(`${count} answers, ${accepted} read the same`);
});

/** Of interim responses and the final one after them. */
function isSame(octets: Buffer, theirs: Reading): boolean {
  const text = octets.toString('latin1');
  const ours = readResponses([octets]);
  for (const [i, message] of ours.messages.entries()) {
    const other = theirs.messages[i];
    // A tunnel is not read as messages any more; and whatever is left of another message, Node may cut elsewhere.
    if (message.start.startsWith('1.1 101') || nodeIsStricter(message, text)) return false;
    const head = { ...message, body: other?.body, trailers: other?.trailers, whole: other?.whole };
    assert.deepEqual(other, message.whole ? message : head, JSON.stringify(text));
    if (!/^1\.\d 1/.test(message.start)) return message.whole;
  }
  return false;
}

const NAMES = [
  'X-A',
  'x-b',
  'Set-Cookie',
  'ETag',
  'Connection',
  'Keep-Alive',
  'Upgrade',
  'Transfer-Encoding',
  'Content-Length',
];
const HOP_BY_HOP = /^(connection|keep-alive|upgrade|transfer-encoding|content-length|x-listed)$/i;

/** A response made of parts: what we write of it, and how it must be read. */
function written(dice: Dice): { text: string; expected: Message[] } {
  const expected: Message[] = [];
  let text = '';
  for (let n = dice.below(3); n > 0; n--) {
    const head = randomHead(dice);
    text += writeInterimHead(103, head);
    expected.push({ start: '1.1 103 Early Hints', fields: endToEnd(head), body: '', trailers: [], whole: true });
  }
  const head = randomHead(dice, 'Date', 'now');
  if (head.memo !== null) writeResponseHead(404, 'Not Found', head, BODY_NONE, 0, 0, false);
  const chunked = dice.once(2);
  const pieces = Array.from({ length: dice.below(4) }, () => dice.text('ab\r\n0;\xff', 50) || 'x');
  const body = pieces.join('');
  const framing = chunked ? BODY_CHUNKED : BODY_LENGTH;
  text += writeResponseHead(200, 'Fine \xe9', head, framing, body.length, 1, !dice.once(4));
  const trailers = chunked && dice.once(2) ? headOf(['X-Sum', dice.text(VALUE, 9).trim(), 'Host', 'a.example']) : null;
  text += chunked
    ? pieces.map((piece) => `${chunkLine(piece.length)}${piece}\r\n`).join('') + writeLastChunk(trailers)
    : body;
  const fields = endToEnd(head);
  fields.push(...(chunked ? ['Transfer-Encoding', 'chunked'] : ['Content-Length', String(body.length)]));
  expected.push({ start: '1.1 200 Fine \xe9', fields, body, trailers: trailers?.pairs.slice(0, 2) ?? [], whole: true });
  return { text, expected };
}

const VALUE = 'abc XYZ09\t,;="\\/:\x80\xe9\xff';

function randomHead(dice: Dice, ...more: string[]): Head {
  const pairs = [...more];
  for (let n = dice.below(6); n > 0; n--) pairs.push(dice.pick(NAMES), dice.text(VALUE, 20).trim());
  if (dice.once(3)) pairs.push('X-Listed', '1');
  // What was made of the same fields before is used again.
  return { ...headOf(pairs), listed: ['x-listed'], memo: dice.once(2) ? { request: null, response: null } : null };
}

function endToEnd({ pairs }: Head): string[] {
  return pairs.filter((_, i) => !HOP_BY_HOP.test(pairs[i - (i % 2)]!));
}

test(`what we write is read as it was meant, by our own parser and by Node's client (seed ${SEED})`, async () => {
  await each(inputs(2000, 100_000) / BATCH, async (dice) => {
    const all = Array.from({ length: BATCH }, () => written(dice));
    const connections = all.map(({ text }) => Buffer.from(text, 'latin1'));
    const readings = await readAsNodeClient(connections);
    for (const [i, { expected }] of all.entries()) {
      assert.deepEqual(withoutConnection(readResponses([connections[i]!]).messages), expected);
      assert.deepEqual(withoutConnection(readings[i]!.messages), expected);
    }
  });
});

/** Whether the connection stays is not a matter of the message. */
function withoutConnection(messages: readonly Message[]): Message[] {
  return messages.map((message) => {
    const { fields } = message;
    return { ...message, fields: fields.filter((_, i) => fields[i - (i % 2)] !== 'Connection') };
  });
}
