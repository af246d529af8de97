import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { type Dice, each, inputs, SEED } from './dice.test.fake.js';
import { mutate, request, split } from './messages.test.fake.js';
import { nodeIsStricter, NodeServer, OLD_NODE } from './node-reading.test.fake.js';
import { LIMITS, type Message, NARROW, type Reading, readRequests } from './reading.test.fake.js';

/** So many connections Node reads at once. */
const BATCH = 100;

function connection(dice: Dice): Buffer {
  let text = dice.once(20) ? '\r\n' : '';
  for (let n = 1 + dice.below(3); n > 0; n--) text += request(dice);
  return Buffer.from(dice.once(3) ? text : mutate(dice, text), 'latin1');
}

test(`what we accept, Node's strict parser reads the same (seed ${SEED})`, { skip: OLD_NODE }, async (t) => {
  const node = new NodeServer();
  const count = inputs(5000, 1_000_000);
  let accepted = 0;
  await each(count / BATCH, async (dice) => {
    const connections = Array.from({ length: BATCH }, () => connection(dice));
    const readings = await node.read(connections);
    for (const [i, octets] of connections.entries()) accepted += compare(octets, readings[i]!);
  });
  t.diagnostic(`${count} connections, ${accepted} requests read the same`);
});

/** Returns how many requests were read the same. */
function compare(octets: Buffer, theirs: Reading): number {
  const text = octets.toString('latin1');
  const ours = readRequests([octets]);
  for (const [i, message] of ours.messages.entries()) {
    const other = theirs.messages[i];
    if (other !== undefined && isSame(message, other)) {
      // After an upgrade for which nobody listens Node forgets what it has read.
      if (upgrades(message)) return i + 1;
      continue;
    }
    const refused = theirs.end !== '' && other?.whole !== true;
    if (refused && nodeIsStricter(message, text)) return i;
    assert.deepEqual(theirs, ours, JSON.stringify(text));
  }
  return ours.messages.length;
}

/** Of a request that is not whole only the head counts. */
function isSame(message: Message, other: Message): boolean {
  return message.whole && !upgrades(message)
    ? isDeepStrictEqual(message, other)
    : message.start === other.start && isDeepStrictEqual(message.fields, other.fields);
}

const upgrades = ({ fields }: Message): boolean => fields.some((name, i) => i % 2 === 0 && /^upgrade$/i.test(name));

test(`any split of the octets of requests gives the same result (seed ${SEED})`, async () => {
  await each(inputs(10_000, 1_000_000), (dice) => {
    const octets = connection(dice);
    const limits = dice.once(3) ? NARROW : LIMITS;
    assert.deepEqual(
      readRequests(split(dice, octets), limits),
      readRequests([octets], limits),
      JSON.stringify(octets.toString('latin1')),
    );
  });
});
