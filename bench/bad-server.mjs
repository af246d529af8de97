// One of four servers goes bad, beside nginx and HAProxy: node bench/bad-server.mjs [seconds] [requests a second] [rounds]
// Needs a build, nginx and haproxy (apt-get install nginx haproxy; who is not there is left out). All run at the same time, each with four
// servers of its own, so that whatever else the machine does happens to all of them. The table shows medians of the rounds (of failures
// the sum), and how many times the p99 of the better of the two others in the same round each had: median, least and most. Fails when all
// of ours lose more than the better of the two, or all have a longer p99. On a busy machine: nice -n -15.
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { setTimeout as pause } from 'node:timers/promises';
import { BALANCERS } from './bad-server/balancers.mjs';
import { freePort, start, stopAll } from './load/processes.mjs';

const SECONDS = Number(process.argv[2] ?? 20);
const RATE = Number(process.argv[3] ?? 100);
const ROUNDS = Number(process.argv[4] ?? 1);
const SERVERS = 4;
/** Clients have no more patience. */
const PATIENCE = 5000;
/** Requests before anything counts, until code is compiled: after 1 000 a request costs ours 455 µs of CPU, after 20 000 254 (nginx: 150). */
const WARM_UP = 10_000;
/** Within so much of each other two are equally fast: the same balancer differs by more from round to round. */
const SAME = 1.1;
/** So much longer than the others, an answer has waited for the stopped server until it was asked elsewhere. */
const HUNG = 900;
const FIGURES = {
  requests: ({ times, failed }) => times.length + failed,
  failed: ({ failed }) => failed,
  hung: ({ times }) => times.filter((time) => time > HUNG).length,
  'by bad one': ({ bad }) => bad,
  'p50 ms': ({ times }) => quantile(times, 0.5),
  'p99 ms': ({ times }) => quantile(times, 0.99),
  'p99.9 ms': ({ times }) => quantile(times, 0.999),
  'max ms': ({ times }) => quantile(times, 1),
};
const SERVER = fileURLToPath(new URL('bad-server/server.mjs', import.meta.url));

const SCENARIOS = [
  {
    name: `one server stopped (SIGSTOP) for ${SECONDS / 2} s of ${SECONDS}`,
    begin: async (servers) => {
      await pause(SECONDS * 200);
      for (const [bad] of servers) bad.process.kill('SIGSTOP');
      await pause(SECONDS * 500);
      for (const [bad] of servers) bad.process.kill('SIGCONT');
    },
  },
  {
    name: 'one server ten times slower',
    begin: async (servers) => {
      for (const [bad] of servers) await once(bad.port, '/slow', new Agent());
    },
  },
];

process.exitCode = await main();

async function main() {
  const there = BALANCERS.filter(({ name, missing }) => {
    const hint = missing();
    if (hint !== '') console.error(`${name} is left out: ${hint}`);
    return hint === '';
  });
  const folder = mkdtempSync(`${tmpdir()}/bad-`);
  process.on('SIGINT', () => void stopAll().then(() => process.exit(130)));
  let worse = false;
  try {
    for (const { name, begin } of SCENARIOS) {
      console.log(`\n${name}; ${SERVERS} servers, ${RATE} requests/s, 10 ms each, ${SECONDS} s, ${ROUNDS} rounds`);
      const rounds = [];
      for (let i = 0; i < ROUNDS; i++) rounds.push(await play(there, begin, folder));
      worse = report(there, rounds) || worse;
    }
  } finally {
    await stopAll();
    rmSync(folder, { recursive: true, force: true });
  }
  return worse ? 1 : 0;
}

/** One round: figures of each balancer. */
async function play(balancers, begin, folder) {
  const runs = [];
  for (const balancer of balancers) runs.push(await setUp(balancer, folder));
  await Promise.all(runs.map(warmUp));
  const disturbance = begin(runs.map(({ servers }) => servers));
  await Promise.all(runs.map((run) => load(run)));
  await disturbance;
  await stopAll();
  return runs.map((run) => Object.values(FIGURES).map((figure) => figure(run)));
}

async function setUp(balancer, folder) {
  const servers = [];
  for (let i = 0; i < SERVERS; i++) {
    const port = await freePort();
    servers.push({ port, process: await start('0-63', port, [process.execPath, SERVER, `${port}`]) });
  }
  const port = await freePort();
  const env = { XDG_RUNTIME_DIR: folder };
  await start(
    '0-63',
    port,
    balancer.command(
      port,
      servers.map((server) => server.port),
      folder,
    ),
    env,
  );
  return { servers, port, times: [], failed: 0, bad: 0 };
}

async function warmUp({ port }) {
  const agent = new Agent({ keepAlive: true });
  for (let i = 0; i < WARM_UP; i += 20) await Promise.all(Array.from({ length: 20 }, () => once(port, '/', agent)));
  agent.destroy();
}

/** Requests leave at random moments, however many are still waiting: those that hang make no room for the others. */
async function load(run) {
  const agent = new Agent({ keepAlive: true });
  const end = performance.now() + SECONDS * 1000;
  const all = [];
  for (let next = performance.now(); next < end; next += -Math.log(1 - Math.random()) * (1000 / RATE)) {
    await pause(Math.max(0, next - performance.now()));
    all.push(sample(run, agent));
  }
  await Promise.all(all);
  agent.destroy();
  run.times.sort((a, b) => a - b);
}

async function sample(run, agent) {
  const begun = performance.now();
  const text = await once(run.port, '/', agent);
  if (text === undefined) run.failed++;
  else run.times.push(performance.now() - begun);
  if (text?.endsWith(` ${run.servers[0].port}`)) run.bad++;
}

/** What was answered with 200 in time; undefined: nothing. */
function once(port, path, agent) {
  return new Promise((resolve) => {
    const call = request({ host: '127.0.0.1', port, path, agent, timeout: PATIENCE }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece) => (text += piece));
      response.once('end', () => resolve(response.statusCode === 200 ? text : undefined));
      response.once('error', () => resolve(undefined));
    });
    call.once('timeout', () => call.destroy());
    call.once('error', () => resolve(undefined));
    call.end();
  });
}

/** Prints the table; true: ours are worse than the better of the others. */
function report(balancers, rounds) {
  const titles = Object.keys(FIGURES);
  const table = balancers.map((_, i) =>
    titles.map((title, j) => (title === 'failed' ? sum : median)(rounds.map((round) => round[i][j]))),
  );
  const best = (rows, of, title) =>
    Math.min(...rows.filter((_, i) => balancers[i].ours === of).map((row) => row[titles.indexOf(title)]));
  const ratios = balancers.map((_, i) =>
    rounds.map((round) => round[i][titles.indexOf('p99 ms')] / best(round, false, 'p99 ms')).toSorted((a, b) => a - b),
  );
  print('balancer', [...titles, 'p99 × better, median (least – most)']);
  for (const [i, { name }] of balancers.entries()) {
    const [least, most] = [ratios[i][0], ratios[i].at(-1)];
    print(name, [
      ...titles.map((title, j) => table[i][j].toFixed(title.endsWith('ms') ? 1 : 0)),
      `${median(ratios[i]).toFixed(2)} (${least.toFixed(2)} – ${most.toFixed(2)})`,
    ]);
  }
  const ratio = Math.min(...ratios.filter((_, i) => balancers[i].ours).map(median));
  return best(table, true, 'failed') > best(table, false, 'failed') || ratio > SAME;
}

function print(name, cells) {
  console.log(name.padEnd(32) + cells.map((cell) => `  ${cell}`.padStart(11)).join(''));
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

function quantile(sorted, q) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? NaN;
}
