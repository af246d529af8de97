// What it costs to choose the pool among a thousand rules of host and path, and to count a client: nanoseconds of CPU (the round
// that was disturbed least). Fails above a microsecond. Needs a build (npm run build): node bench/routes.mjs
import { RateLimit, Routes } from '../dist/balance/index.js';

const RULES = 1000;
const KEYS = 100_000;
const REQUESTS = 1024;
const MOST_NS = 1000;

/** A site of many tenants: a third by path, a third by host and path, a third by wildcard and path. */
const rules = Array.from({ length: RULES }, (_, i) => {
  const path = `/api/v${i % 7}/service-${i}/*`;
  if (i % 3 === 0) return { path };
  return { host: i % 3 === 1 ? `tenant${i % 50}.example.com` : `*.region${i % 20}.example.com`, path };
});
const routes = new Routes(rules);

const fitting = requestsOf((i) => {
  const { host = 'www.example.com', path } = rules[(i * 7919) % RULES];
  return [`${host.replace('*', `h${i}`)}:8080`, `${path.slice(0, -1)}items/${i}?page=${i}`];
});
const strange = requestsOf((i) => [`other${i}.test`, `/page/${i}`]);
const escaped = requestsOf((i) => [fitting[i].authority, fitting[i].target.replace('items', 'i%20s')]);
const deciding = requestsOf((i) => [fitting[i].authority, fitting[i].target.replace('service', 's%20e')]);
const find = ({ authority, target }) => routes.match(authority, target);

const rate = new RateLimit({ rate: 1000, burst: 1000 }, () => performance.now());
const clients = Array.from({ length: KEYS }, (_, i) => flat(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`));

report('a request that fits a rule', (i) => find(fitting[i & (REQUESTS - 1)]));
report('a request that fits none', (i) => find(strange[i & (REQUESTS - 1)]));
report(`one of ${KEYS} clients counted`, (i) => rate.take(clients[(i * 7919) % KEYS]));
report('a path with an escaped octet', (i) => find(escaped[i & (REQUESTS - 1)]));
report('the same in the part that rules decide by', (i) => find(deciding[i & (REQUESTS - 1)]));
console.log(`\n${RULES} rules, Node ${process.version}`);

function report(what, act, most = MOST_NS) {
  const round = 50_000;
  const rounds = [];
  for (let n = 0; n < 21; n++) {
    const before = process.cpuUsage();
    for (let i = n * round; i < (n + 1) * round; i++) act(i);
    const { user, system } = process.cpuUsage(before);
    rounds.push(((user + system) * 1000) / round);
  }
  const ns = Math.min(...rounds);
  console.log(`${what.padEnd(45)}${ns.toFixed(0).padStart(8)} ns${ns > most ? `   FAILED: more than ${most} ns` : ''}`);
  if (ns > most) process.exitCode = 1;
}

function requestsOf(make) {
  return Array.from({ length: REQUESTS }, (_, i) => {
    const [authority, target] = make(i);
    return { authority: flat(authority), target: flat(target) };
  });
}

/** As a parser gives it, not as a chain of parts. */
function flat(text) {
  return Buffer.from(text).toString('latin1');
}
