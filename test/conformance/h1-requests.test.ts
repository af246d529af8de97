import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { LoadBalancer } from 'node-multiserver';
import { failuresOf, readCases, scoreOf, type Verdict } from './cases.js';
import { type Arrivals, RecordingBackend } from './requests/backend.js';
import { play, type Seen } from './requests/client.js';
import type { RequestCase } from './requests/request-case.js';
import { judge } from './requests/verdict.js';

const AT_ONCE = 16;
/** In this time what a case has left on the way to the backend is there. */
const AFTERMATH = 120;

const backend = new RecordingBackend();
const balancer = new LoadBalancer();
let where = { host: '127.0.0.1', port: 0 };
let serial = 0;

before(async () => {
  balancer.endpoints.add(await backend.listen());
  const [address] = await balancer.listen('127.0.0.1:0');
  assert.ok(address !== undefined && 'port' in address);
  where = { host: '127.0.0.1', port: address.port };
});
after(async () => {
  await balancer.close({ timeout: 0 });
  await backend.close();
});

test('what RFC 9112 and 9110 demand of an intermediary with whatever a client sends', async (t) => {
  const cases = readCases<RequestCase>('h1-requests');
  const verdicts = new Map<RequestCase, Verdict>();
  const named = cases.filter(({ raw }) => raw.includes('__ID__'));
  const played: Played[] = [];
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let one = named.shift(); one !== undefined; one = named.shift()) played.push(await playOne(one));
    }),
  );
  await sleep(AFTERMATH);
  for (const { one, token, arrivals, seen } of played) verdicts.set(one, judge(one, token, arrivals, seen));
  // What has no token must be alone to be known; and a failure counts when it shows again alone.
  for (const one of cases) if ((verdicts.get(one)?.as ?? null) === null) verdicts.set(one, await playAlone(one));

  for (const line of scoreOf(verdicts)) t.diagnostic(line);
  assert.deepEqual(failuresOf(verdicts), []);
  assert.equal(verdicts.size, cases.length);
  assert.deepEqual(backend.orphans, []);
});

interface Played {
  one: RequestCase;
  token: string;
  arrivals: Arrivals;
  seen: Seen;
}

async function playOne(one: RequestCase, alone = false): Promise<Played> {
  const token = `q${(serial++).toString(36).padStart(5, '0')}`;
  const arrivals = backend.record(token);
  backend.alone = alone ? arrivals : null;
  const seen = await play(one, one.raw.replaceAll('__ID__', token), where);
  return { one, token, arrivals, seen };
}

async function playAlone(one: RequestCase): Promise<Verdict> {
  const { token, arrivals, seen } = await playOne(one, true);
  await sleep(AFTERMATH);
  return judge(one, token, arrivals, seen);
}
