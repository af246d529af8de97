import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { LoadBalancer } from 'node-multiserver';
import { failuresOf, readCases, scoreOf, type Verdict } from './cases.js';
import { ScriptedBackend } from './responses/backend.js';
import { StrictClient } from './responses/client.js';
import type { ResponseCase } from './responses/response-case.js';
import { isComplete, judge } from './responses/verdict.js';

const AT_ONCE = 8;
/** After an answer this long nothing more may come; and so long it takes stray octets to get there. */
const QUIET = 150;
const STRAY = 250;

test('what RFC 9112 and 9110 demand of an intermediary with whatever an endpoint answers', async (t) => {
  const cases = readCases<ResponseCase>('h1-responses');
  const verdicts = new Map<ResponseCase, Verdict>();
  const queue = [...cases];
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let one = queue.shift(); one !== undefined; one = queue.shift()) verdicts.set(one, await playOne(one));
    }),
  );
  // A failure counts when it shows again alone.
  for (const [one, { as }] of verdicts) if (as === null) verdicts.set(one, await playOne(one));

  for (const line of scoreOf(verdicts)) t.diagnostic(line);
  assert.deepEqual(failuresOf(verdicts), []);
  assert.equal(verdicts.size, cases.length);
});

/** The case's answer, then three probes (on the same client connection, on two new ones), which must get answers of their own. */
async function playOne(one: ResponseCase): Promise<Verdict> {
  const backend = new ScriptedBackend(one);
  const balancer = new LoadBalancer();
  balancer.endpoints.add(await backend.listen());
  const [address] = await balancer.listen('127.0.0.1:0');
  assert.ok(address !== undefined && 'port' in address);
  try {
    return await playOn({ host: '127.0.0.1', port: address.port }, one);
  } finally {
    await balancer.close({ timeout: 0 });
    await backend.close();
  }
}

async function playOn(where: { host: string; port: number }, one: ResponseCase): Promise<Verdict> {
  const client = new StrictClient(where);
  const request = `${one.method} /case HTTP/${one.client ?? '1.1'}\r\nHost: t.example\r\n${one.request ?? ''}\r\n`;
  const answered = await client.ask(request, one.method, one.stray === undefined ? QUIET : QUIET / 3);
  const verdict = judge(one, answered);
  if (one.stray !== undefined) await sleep(STRAY);
  const wrong: string[] = [];
  if (client.unasked !== '') wrong.push(`nobody asked for ${JSON.stringify(client.unasked.slice(0, 40))}`);
  // A connection that ended, or whose answer hangs, carries no probe.
  if (isComplete(answered) && client.open) wrong.push(await probe(client, 'the same client'));
  client.close();
  for (const who of ['the next client', 'the one after it']) {
    const next = new StrictClient(where);
    wrong.push(await probe(next, who));
    next.close();
  }
  const why = wrong.filter((what) => what !== '').join(', ');
  return why === '' ? verdict : { ...verdict, as: null, why: `${verdict.why} ${why}` };
}

let serial = 0;

async function probe(client: StrictClient, who: string): Promise<string> {
  const name = (serial++).toString(36);
  const first = who === 'the same client';
  const { final, closed, empty } = await client.ask(
    `GET /probe-${name} HTTP/1.1\r\nHost: t.example\r\n\r\n`,
    'GET',
    20,
  );
  if (final?.body === `probe:${name}` && final.extra === '') return '';
  if (first && empty && closed) return '';
  return `${who} got ${final === null ? 'no answer' : `${final.status} ${JSON.stringify(final.body.slice(0, 30))}`}`;
}
