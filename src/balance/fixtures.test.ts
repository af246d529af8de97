import assert from 'node:assert/strict';
import type { Outcome, RequestView, Sources } from '../contracts/algorithm.js';
import { Endpoint, READY } from './endpoint.js';
import { Pool, type PoolOptions } from './pool.js';

/** Of this run: the same seed gives the same run. */
export const SEED = Number(process.env.MULTISERVER_SEED ?? 1);

/** A clock moved by hand and a seeded random source (mulberry32). */
export class TestSources implements Sources {
  time = 0;
  #state: number;

  constructor(seed = SEED) {
    this.#state = seed | 0;
  }

  now = (): number => this.time;

  random = (): number => {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let bits = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 4294967296;
  };
}

/** Named a, b, c …; the weights decide how many. */
export function endpointsOf(weights: readonly number[], slots = false): Endpoint[] {
  return weights.map((weight, i) => {
    const id = slots ? `worker:${i}` : i < 26 ? String.fromCharCode(97 + i) : `e${i}`;
    const address = { host: '127.0.0.1', port: 1000 + i, path: '', secure: false };
    return new Endpoint({ id, url: `http://127.0.0.1:${1000 + i}`, address, weight, ...(slots ? { slot: i } : {}) });
  });
}

/** The same as an algorithm gets them from a pool. */
export function indexed(weights: readonly number[]): Endpoint[] {
  return endpointsOf(weights).map((endpoint, index) => Object.assign(endpoint, { index }));
}

export function poolOf(
  weights: readonly number[],
  options: PoolOptions = {},
  sources = new TestSources(),
  slots = false,
) {
  const changes: string[] = [];
  const pool = new Pool(
    { onChange: ({ id }, from, to, reason) => changes.push(`${id} ${from} ${to}: ${reason}`), ...options },
    sources,
  );
  const endpoints = endpointsOf(weights, slots);
  for (const endpoint of endpoints) pool.add(endpoint, READY);
  changes.length = 0;
  return { pool, endpoints, changes, sources };
}

export function request(about: Partial<RequestView> & { headers?: Record<string, string> } = {}): RequestView {
  const { headers = {}, ...rest } = about;
  const header = (name: string) => headers[name.toLowerCase()];
  return { method: 'GET', target: '/', authority: 'example.com', clientAddress: '203.0.113.7', header, ...rest };
}

export function outcome(about: Partial<Outcome> = {}): Outcome {
  return { status: 200, firstByte: 10, failed: false, longLived: false, retryAfter: -1, ...about };
}

export const FAILED = outcome({ status: 0, firstByte: -1, failed: true });

/** How often each was chosen. */
export function tally(count: number, pick: () => { readonly id: string } | undefined): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let i = 0; i < count; i++) {
    const id = pick()?.id ?? 'none';
    counts[id] = (counts[id] ?? 0) + 1;
  }
  return counts;
}

/** That `count` of `total` draws is what a probability gives, within five standard deviations (one run in two million fails by chance). */
export function assertShare(count: number | undefined, total: number, probability: number): void {
  const deviation = Math.sqrt(total * probability * (1 - probability));
  const difference = Math.abs((count ?? 0) - total * probability);
  assert.ok(
    difference <= 5 * deviation + 1,
    `${count} of ${total}, expected ${total * probability} ± ${5 * deviation}, seed ${SEED}`,
  );
}
