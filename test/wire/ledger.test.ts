import { test } from 'node:test';
import fc from 'fast-check';
import { schedules } from './ledger/schedule.js';
import { World, type Outcome } from './ledger/world.js';

const SEED = Number(process.env['MULTISERVER_SEED'] ?? 1);
const SCHEDULES = process.env['MULTISERVER_LONG'] === undefined ? 300 : 10_000;
/** Played at the same time: most of a schedule is waiting. */
const LANES = 8;

test(`whatever fails, no endpoint sees a request twice that must not be repeated, each gets one outcome, and nothing stays in flight: ${SCHEDULES} schedules`, async (t) => {
  const list = fc.sample(schedules, { seed: SEED, numRuns: SCHEDULES });
  const counts: Partial<Record<Outcome, number>> = {};
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let i = next++; i < list.length; i = next++) {
      const world = new World(list[i]!);
      try {
        await world.play();
      } catch (error) {
        next = list.length;
        throw new Error(`schedule ${i} of seed ${SEED}: ${JSON.stringify(list[i])}\n${(error as Error).message}`, {
          cause: error,
        });
      }
      for (const outcome of world.outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  t.diagnostic(JSON.stringify(counts));
});
