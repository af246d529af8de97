// CPU per request of the balancer beside others: npm run bench [-- --quick]
// See README.md, whose tables a full run writes anew. Needs Linux, wrk and two cores: the proxies get one, client and endpoint the other.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createAuthority, issue } from '../scripts/certificates.mjs';
import { freePort, has, start, stopAll, write } from './load/processes.mjs';
import { PROXIES } from './load/proxies.mjs';
import { median, report, showCell, writeReadme } from './load/report.mjs';
import { burst } from './load/burst.mjs';

const SHAPES = [
  { name: 'GET, 13 octets', scheme: 'http', method: 'GET', path: '/', body: 0 },
  {
    name: 'GET, 13 octets, no two heads the same',
    scheme: 'http',
    method: 'GET',
    path: '/vary',
    body: 0,
    connections: [64],
  },
  { name: 'GET, 32 KiB', scheme: 'http', method: 'GET', path: '/32k', body: 0 },
  { name: 'POST, 13 octets', scheme: 'http', method: 'POST', path: '/', body: 13 },
  { name: 'POST, 32 KiB', scheme: 'http', method: 'POST', path: '/', body: 32 * 1024 },
  { name: 'HTTPS, GET, 13 octets', scheme: 'https', method: 'GET', path: '/', body: 0 },
  { name: 'HTTPS, GET, 32 KiB', scheme: 'https', method: 'GET', path: '/32k', body: 0 },
  { name: 'HTTPS, a new connection for each request', scheme: 'https', handshakes: 'new' },
  { name: 'HTTPS, a new connection that resumes a session', scheme: 'https', handshakes: 'resumed' },
];
const CONNECTIONS = { http: [1, 64, 256], https: [64] };
/** More where most comparisons are made: fewer let a ratio vary by a tenth. */
const ROUNDS = { 64: 15 };
const FEW_ROUNDS = 5;

const PROXY_CORE = 0;
const CLIENT_CORE = 1;
/** Discarded: connections are made, code is compiled. */
const WARM_UP = 2;

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    only: { type: 'string' },
    shape: { type: 'string' },
    connections: { type: 'string' },
  },
});
const { quick } = values;
const seconds = Number(values.seconds ?? 1);
const shapes = SHAPES.filter(({ name }) =>
  values.shape === undefined ? !quick || name === SHAPES[0].name : name.includes(values.shape),
);
const connections = values.connections?.split(',').map(Number) ?? (quick ? [64] : undefined);
const wanted = (values.only ?? (quick ? 'multiserver,nginx' : '')).split(',').filter((name) => name !== '');
const complete = !quick && [values.only, values.shape, values.connections].every((value) => value === undefined);

process.exitCode = await main();

async function main() {
  if (!has('wrk') || !has('taskset')) {
    console.error('The bench needs wrk and taskset: apt-get install wrk util-linux');
    return 1;
  }
  const folder = mkdtempSync(`${tmpdir()}/bench-`);
  const end = async () => {
    await stopAll();
    rmSync(folder, { recursive: true, force: true });
  };
  process.on('SIGINT', () => void end().finally(() => process.exit(130)));
  try {
    const proxies = await startAll(folder);
    const results = await measure(proxies);
    console.log(`\n${report(results)}`);
    if (complete) writeReadme(report(results), proxies);
    return results.some(({ errors }) => errors > 0) ? 1 : 0;
  } finally {
    await end();
  }
}

async function startAll(folder) {
  const endpoint = await freePort();
  await start(CLIENT_CORE, endpoint, [
    process.execPath,
    fileURLToPath(new URL('load/backend.mjs', import.meta.url)),
    `${endpoint}`,
  ]);
  createAuthority(folder);
  const issued = issue(folder, 'bench.test', 'ecdsa');
  const both = write(folder, 'both.pem', readFileSync(issued.cert, 'latin1') + readFileSync(issued.key, 'latin1'));
  const proxies = [];
  for (const proxy of PROXIES) {
    if (wanted.length > 0 && !wanted.includes(proxy.name)) continue;
    const missing = proxy.missing();
    if (missing !== '') {
      console.log(`${proxy.name} is left out. To have it: ${missing}`);
      continue;
    }
    for (const scheme of proxy.speaks) {
      if (shapes.every((shape) => shape.scheme !== scheme)) continue;
      const port = await freePort();
      const own = `${folder}/${proxies.length}`;
      mkdirSync(own);
      const https = scheme === 'https' ? { ...issued, both } : undefined;
      const child = await start(PROXY_CORE, port, proxy.command(port, endpoint, own, https), { XDG_RUNTIME_DIR: own });
      proxies.push({ name: proxy.name, version: proxy.version(), scheme, port, pid: child.pid });
    }
  }
  return proxies;
}

/** Round by round (A B C A B C …), so that what disturbs the machine for a while disturbs all. */
async function measure(all) {
  const results = [];
  for (const shape of shapes) {
    const proxies = all.filter(({ scheme }) => scheme === shape.scheme);
    for (const count of connections ?? shape.connections ?? CONNECTIONS[shape.scheme]) {
      const rounds = Number(values.rounds ?? ROUNDS[count] ?? FEW_ROUNDS);
      const bursts = new Map(proxies.map((proxy) => [proxy, []]));
      for (const proxy of proxies) await burst(proxy, shape, count, WARM_UP, CLIENT_CORE);
      for (let round = 0; round < rounds; round++) {
        for (const proxy of proxies) bursts.get(proxy).push(await burst(proxy, shape, count, seconds, CLIENT_CORE));
      }
      const first = bursts.get(proxies.find(({ name }) => name === 'nginx'));
      for (const [proxy, measured] of bursts) {
        const of = (key) => median(measured.map((one) => one[key]));
        const ratio = first === undefined ? NaN : median(measured.map(({ cpu }, round) => cpu / first[round].cpu));
        const result = {
          shape: shape.name,
          connections: count,
          proxy: proxy.name,
          cpu: of('cpu'),
          ratio,
          rate: of('rate'),
        };
        const errors = measured.reduce((sum, one) => sum + one.errors, 0);
        results.push({ ...result, p50: of('p50'), p99: of('p99'), errors });
        console.log(showCell(results.at(-1)));
      }
    }
  }
  return results;
}
