import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Algorithm, AlgorithmFactory } from '../../contracts/algorithm.js';
import { FAILED, indexed, outcome, request, SEED, TestSources } from '../fixtures.test.js';
import { ALGORITHMS } from './table.js';

function start(factory: AlgorithmFactory, sources = new TestSources()): Algorithm {
  return factory.create(sources, (message) => assert.fail(`reported: ${message}`), 'default');
}

/** Two hundred choices at a steady pace. */
function choices(factory: AlgorithmFactory): string {
  const sources = new TestSources(7);
  const algorithm = start(factory, sources);
  const endpoints = indexed([1, 2, 1, 1, 3, 1, 1, 1, 1, 1, 1]);
  algorithm.onEndpoints?.(endpoints);
  let picks = '';
  for (let i = 0; i < 200; i++) {
    sources.time += 10;
    const chosen = algorithm.pick(endpoints, request({ clientAddress: `192.0.2.${i % 13}` }))!;
    algorithm.onResult?.(chosen, outcome({ firstByte: (i * 7) % 30 }));
    picks += chosen.id;
  }
  return picks;
}

/** What the contract promises, of every algorithm. */
for (const [name, factory] of Object.entries(ALGORITHMS)) {
  describe(name, () => {
    it('is named as on the command line', () => {
      assert.equal(factory.algorithm, name);
      assert.equal(start(factory).name, name);
    });

    it('always chooses one of the candidates, whatever comes, goes, fails or is left out', () => {
      const step = fc.record({
        present: fc.array(fc.boolean(), { minLength: 20, maxLength: 20 }),
        without: fc.nat(19),
        client: fc.nat(50),
        result: fc.constantFrom(
          outcome(),
          outcome({ firstByte: 900 }),
          outcome({ status: 503, retryAfter: 1 }),
          FAILED,
        ),
        ends: fc.boolean(),
        passed: fc.nat(5000),
      });
      fc.assert(
        fc.property(
          fc.array(step, { maxLength: 40 }),
          fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 20, maxLength: 20 }),
          (steps, weights) => {
            const sources = new TestSources();
            const algorithm = start(factory, sources);
            const all = indexed(weights);
            for (const { present, without, client, result, ends, passed } of steps) {
              sources.time += passed;
              const list = all.filter((_, i) => present[i]);
              algorithm.onEndpoints?.(list);
              const candidates = list.filter((_, i) => i !== without);
              if (candidates.length === 0) continue;
              const before = candidates.slice();
              const chosen = algorithm.pick(candidates, request({ clientAddress: `192.0.2.${client}` }));
              assert.deepEqual(candidates, before);
              const endpoint = candidates.find((candidate) => candidate === chosen);
              assert.ok(endpoint !== undefined);
              endpoint.inFlight++;
              if (!ends) continue;
              endpoint.inFlight--;
              algorithm.onResult?.(endpoint, result);
            }
          },
        ),
        { seed: SEED },
      );
    });

    it('makes the same choices from the same clock and random source', () => {
      assert.equal(choices(factory), choices(factory));
    });

    it('leaves no endpoint idle while all are equal', () => {
      const sources = new TestSources();
      const algorithm = start(factory, sources);
      const endpoints = indexed([1, 1, 1, 1]);
      algorithm.onEndpoints?.(endpoints);
      const seen = new Set();
      for (let i = 0; i < 400; i++) {
        sources.time += 1000;
        const chosen = algorithm.pick(endpoints, request({ clientAddress: `192.0.2.${i % 256}` }))!;
        seen.add(chosen.id);
        algorithm.onResult?.(chosen, outcome());
      }
      assert.equal(seen.size, 4);
    });
  });
}
