import type { AlgorithmLike, Outcome } from '../contracts/algorithm.js';
import { Endpoint, READY } from './endpoint.js';
import { request, TestSources } from './fixtures.test.js';
import { DEFAULT_HEALTH } from './health/passive.js';
import { Pool } from './pool.js';

/** How a simulated server does at a moment. */
export interface Behaviour {
  /** Mean milliseconds of computing for a request; one at a time, the others queue. */
  readonly compute: number;
  /** Mean milliseconds of waiting, for a database say; any number at once. */
  readonly wait: number;
  /** Milliseconds added to every answer. */
  readonly stuck?: number;
  /** Answers 503 at once. */
  readonly failing?: boolean;
}

export interface Scenario {
  readonly name: string;
  readonly servers: number;
  /** Requests a second, at random moments. */
  readonly rate: number;
  readonly seconds: number;
  /** Milliseconds after which the balancer gives up. */
  readonly timeout: number;
  readonly behaviour: (server: number, second: number) => Behaviour;
}

export interface Result {
  readonly requests: number;
  /** Share of requests answered in time and without an error. */
  readonly success: number;
  readonly p50: number;
  readonly p99: number;
  /** Requests of each server. */
  readonly shares: readonly number[];
}

interface Server {
  readonly endpoint: Endpoint;
  /** When its one thread is free again. */
  freeAt: number;
}

interface Event {
  readonly time: number;
  readonly run: () => void;
}

const CLIENTS = 2000;

/** Plays a scenario on a clock of its own; the same seed gives the same result. No retries: each request shows what one choice was worth. */
export function simulate(scenario: Scenario, algorithm: AlgorithmLike, health: boolean, seed: number): Result {
  const sources = new TestSources(seed);
  const pool = new Pool(
    { algorithm, health: { ...DEFAULT_HEALTH, failures: health ? 5 : 0, statuses: [503] } },
    sources,
  );
  const servers: Server[] = Array.from({ length: scenario.servers }, (_, i) => {
    const address = { host: '10.0.0.1', port: 1000 + i, path: '', secure: false };
    return { endpoint: new Endpoint({ id: `http://10.0.0.1:${1000 + i}`, url: '', address }), freeAt: 0 };
  });
  const byEndpoint = new Map(servers.map((server, i) => [server.endpoint, { server, i }]));
  for (const { endpoint } of servers) pool.add(endpoint, READY);
  const cookies: (string | undefined)[] = [];
  const latencies: number[] = [];
  let requests = 0;
  const events = new EventQueue();
  const exponential = (mean: number) => -Math.log(1 - sources.random()) * mean;

  const arrive = () => {
    const next = sources.time + exponential(1000 / scenario.rate);
    if (next < scenario.seconds * 1000) events.add(next, arrive);
    requests++;
    const client = Math.floor(sources.random() * CLIENTS);
    const about = request({
      clientAddress: `10.1.${client >> 8}.${client & 255}`,
      headers: cookies[client] === undefined ? {} : { cookie: cookies[client] },
    });
    const endpoint = pool.pick(about, null)!;
    const { server, i } = byEndpoint.get(endpoint)!;
    pool.begin(endpoint);
    const sentAt = sources.time;
    endpoint.expectAnswer(sentAt);
    const { compute, wait, stuck = 0, failing = false } = scenario.behaviour(i, sentAt / 1000);
    let took = 1;
    if (!failing) {
      server.freeAt = Math.max(server.freeAt, sentAt) + exponential(compute);
      took = server.freeAt - sentAt + exponential(wait) + stuck;
    }
    const late = took > scenario.timeout;
    const outcome: Outcome = {
      status: late ? 0 : failing ? 503 : 200,
      firstByte: late ? -1 : took,
      waited: scenario.timeout,
      failed: late,
      longLived: false,
      retryAfter: -1,
    };
    const cookie = pool.replyCookie(endpoint, about);
    if (cookie !== undefined && !late) cookies[client] = cookie.slice(0, cookie.indexOf(';'));
    events.add(sentAt + Math.min(took, scenario.timeout), () => {
      if (outcome.status === 200) latencies.push(took);
      if (late) endpoint.forgoAnswer();
      else endpoint.onAnswer(sources.time);
      pool.finish(endpoint, outcome);
    });
  };

  events.add(0, arrive);
  for (let event = events.next(); event !== undefined; event = events.next()) {
    sources.time = event.time;
    event.run();
  }
  latencies.sort((a, b) => a - b);
  const quantile = (q: number) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * q))] ?? NaN;
  const success = latencies.length / requests;
  return {
    requests,
    success,
    p50: quantile(0.5),
    p99: quantile(0.99),
    shares: servers.map(({ endpoint }) => endpoint.requests),
  };
}

/** Earliest first (binary heap). */
class EventQueue {
  readonly #heap: Event[] = [];

  add(time: number, run: () => void): void {
    const heap = this.#heap;
    let at = heap.push({ time, run }) - 1;
    for (let up = (at - 1) >> 1; at > 0 && heap[up]!.time > heap[at]!.time; at = up, up = (at - 1) >> 1) {
      [heap[at], heap[up]] = [heap[up]!, heap[at]!];
    }
  }

  next(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    heap[0] = last;
    for (let at = 0; ;) {
      const left = 2 * at + 1;
      if (left >= heap.length) return first;
      const less = left + 1 < heap.length && heap[left + 1]!.time < heap[left]!.time ? left + 1 : left;
      if (heap[at]!.time <= heap[less]!.time) return first;
      [heap[at], heap[less]] = [heap[less]!, heap[at]!];
      at = less;
    }
  }
}

const NORMAL: Behaviour = { compute: 1, wait: 9 };
/** Two thirds of what ten servers can compute. */
const BUSY: Behaviour = { compute: 6.5, wait: 5 };
const times = (factor: number, { compute, wait }: Behaviour): Behaviour => ({
  compute: compute * factor,
  wait: wait * factor,
});
const TEN = { servers: 10, rate: 1000, seconds: 20, timeout: 1000 };

/** Of Linkerd (2016): 11 servers, 1000 requests a second, one stuck at 2 s for 30 s, given up after 1 s. */
export const LINKERD: Scenario = {
  name: 'Linkerd 2016',
  servers: 11,
  rate: 1000,
  seconds: 60,
  timeout: 1000,
  behaviour: (server, second) => (server === 0 && second >= 15 && second < 45 ? { ...NORMAL, stuck: 2000 } : NORMAL),
};

export const SCENARIOS: readonly Scenario[] = [
  { ...TEN, name: 'equal', behaviour: () => BUSY },
  { ...TEN, name: 'one slow (10×)', behaviour: (server) => (server === 0 ? times(10, NORMAL) : NORMAL) },
  {
    ...TEN,
    name: 'one stuck',
    behaviour: (server, second) => (server === 0 && second >= 5 && second < 15 ? { ...NORMAL, stuck: 60_000 } : NORMAL),
  },
  {
    ...TEN,
    name: 'one fast-failing',
    behaviour: (server, second) => (server === 0 && second >= 5 && second < 15 ? { ...NORMAL, failing: true } : NORMAL),
  },
  { ...TEN, name: 'heterogeneous 1×–4×', behaviour: (server) => times(1 + server / 3, { compute: 2.5, wait: 5 }) },
  {
    ...TEN,
    name: 'antagonist bursts',
    // Each server in turn has a neighbour that takes four fifths of its processor, for half a second.
    behaviour: (server, second) =>
      Math.floor(second * 2) % 10 === server ? times(5, { compute: 4, wait: 5 }) : { compute: 4, wait: 5 },
  },
  { ...TEN, name: '100 servers', servers: 100, rate: 8000, seconds: 5, behaviour: () => ({ compute: 8, wait: 5 }) },
];
