// What one choice costs, for every algorithm, over 16 endpoints: nanoseconds (mitata) and octets of heap. Fails above a microsecond, or
// when choosing allocates. Needs a build (npm run build): node bench/pick.mjs
//
// Time is measured with the sources of a real balancer. Heap is not: performance.now() and Math.random() box each number they return (16
// octets), whoever calls them, and that would hide what the algorithms themselves do.
import { measure } from 'mitata';
import { ALGORITHMS, Endpoint, Pool, READY, consistentHash, stickySession } from '../dist/balance/index.js';

const ENDPOINTS = 16;
const MOST_NS = 1000;
const PICKS = 1_000_000;
/** Less than the smallest object has: what is seen below it is the measuring itself. */
const NOTHING = 1;
/** A key cut out of a field, or its hash of 53 bits. */
const ONE_KEY = 32;
/** Requests that take turns, so that no algorithm sees the same one always. */
const REQUESTS = 1024;

const real = { now: () => performance.now(), random: Math.random };
let state = 1;
const unboxed = {
  now: () => 12_345,
  random: () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 4_294_967_296;
  },
};
const onProblem = (message) => {
  throw new Error(message);
};

const CASES = [
  ...Object.entries(ALGORITHMS).map(([name, factory]) => [name, factory, NOTHING]),
  ['consistent-hash by cookie', consistentHash({ key: 'cookie:id' }), ONE_KEY],
  ['sticky-session by ip', stickySession({ by: 'ip' }), ONE_KEY],
];

let failed = false;
// First, while the engine knows no other sources than these: a call that may go to several functions boxes what it returns.
const heaps = CASES.map(([, factory]) => picksOf(factory, unboxed).map(heapOf));
console.log(
  `${''.padEnd(28)}${['algorithm', 'pool.pick', 'limit and retry'].map((title) => title.padStart(18)).join('')}`,
);
for (const [i, [name, factory, mostOctets]] of CASES.entries()) {
  let line = name.padEnd(28);
  for (const [j, pick] of picksOf(factory, real).entries()) {
    const octets = heaps[i][j];
    const ns = await timeOf(pick);
    failed ||= ns > MOST_NS || octets > mostOctets;
    line += `${ns.toFixed(0).padStart(8)} ns${octets.toFixed(0).padStart(5)} B`.padStart(18);
  }
  console.log(line);
}
console.log(
  `\n${ENDPOINTS} endpoints, a choice (the least disturbed batch of mitata; heap of ${PICKS} choices), Node ${process.version}`,
);
if (failed) {
  console.log(
    `FAILED: more than ${MOST_NS} ns, or more than ${NOTHING} octets (${ONE_KEY} where a key has to be made)`,
  );
  process.exitCode = 1;
}

/** The algorithm alone; the pool; the pool where full endpoints and one that failed must be left out. */
function picksOf(factory, sources) {
  const { pool, requests } = setUp(factory, {}, sources);
  const limited = setUp(factory, { maxConcurrent: 100 }, sources);
  const { algorithm, endpoints } = pool;
  const tried = [limited.pool.endpoints[3]];
  return [
    (i) => algorithm.pick(endpoints, requests[i & (REQUESTS - 1)]),
    (i) => pool.pick(requests[i & (REQUESTS - 1)], null),
    (i) => limited.pool.pick(limited.requests[i & (REQUESTS - 1)], tried),
  ];
}

/** A pool in the midst of work: counts differ, latencies are known, half of the clients have been here before. */
function setUp(algorithm, options, sources) {
  const pool = new Pool({ algorithm, onProblem, ...options }, sources);
  for (let i = 0; i < ENDPOINTS; i++) {
    const address = { host: '10.0.0.1', port: 3000 + i, path: '', secure: false };
    pool.add(new Endpoint({ id: `http://10.0.0.1:${3000 + i}`, url: '', address }), READY);
  }
  const requests = [];
  for (let i = 0; i < REQUESTS; i++) {
    const fields = { cookie: undefined };
    const request = {
      method: 'GET',
      target: `/page/${i}`,
      authority: 'example.com',
      clientAddress: `10.1.${i >> 8}.${i & 255}`,
      header: (name) => fields[name],
    };
    const endpoint = pool.pick(request, null);
    pool.begin(endpoint);
    const cookie = pool.replyCookie(endpoint, request)?.split(';')[0];
    if (i % 2 === 0) fields.cookie = `theme=dark; id=${i}${cookie === undefined ? '' : `; ${cookie}`}`;
    // A tenth stays in flight.
    if (i % 10 > 0)
      pool.finish(endpoint, { status: 200, firstByte: 5 + (i % 40), failed: false, longLived: false, retryAfter: -1 });
    requests.push(request);
  }
  return { pool, requests };
}

async function timeOf(pick) {
  let i = 0;
  return (await measure(() => pick(i++), { batch_samples: 4096, min_cpu_time: 200e6 })).min;
}

/** Octets that a pick leaves on the heap: the median of rounds, most of which are too short for a collection. */
function heapOf(pick) {
  for (let i = 0; i < PICKS / 10; i++) pick(i);
  const round = PICKS / 100;
  const rounds = [];
  for (let n = 0; n < 100; n++) {
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < round; i++) pick(i);
    rounds.push((process.memoryUsage().heapUsed - before) / round);
  }
  return rounds.toSorted((a, b) => a - b)[50];
}
