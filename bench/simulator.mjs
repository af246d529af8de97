// Every algorithm over every kind of trouble, on a simulated clock: node bench/simulator.mjs [seed]
// Needs a build (npm run build). The servers are models, see src/balance/simulator.test.ts; their numbers compare algorithms, not machines.
import { ALGORITHMS } from '../dist/balance/index.js';
import { LINKERD, SCENARIOS, simulate } from '../dist/balance/simulator.test.js';

const seed = Number(process.argv[2] ?? 1);
console.log(
  `seed ${seed}; success, median and p99 in ms of what succeeded, requests of the least and most used server per mean`,
);
for (const scenario of [LINKERD, ...SCENARIOS]) {
  console.log(`\n${scenario.name}: ${scenario.servers} servers, ${scenario.rate} requests/s, ${scenario.seconds} s`);
  console.log(`${'algorithm'.padEnd(20)}${columns('')}   |${columns(', with passive health')}`);
  for (const [name, algorithm] of Object.entries(ALGORITHMS)) {
    const [without, withHealth] = [false, true].map((health) => row(simulate(scenario, algorithm, health, seed)));
    console.log(`${name.padEnd(20)}${without}   |${withHealth}`);
  }
}

function columns(about) {
  return `${'success'.padStart(10)}${'p50'.padStart(8)}${'p99'.padStart(9)}${'shares'.padStart(14)}${about}`;
}

function row({ requests, success, p50, p99, shares }) {
  const mean = requests / shares.length;
  const range = `${(Math.min(...shares) / mean).toFixed(2)}–${(Math.max(...shares) / mean).toFixed(2)}`;
  return `${(success * 100).toFixed(2).padStart(8)} %${p50.toFixed(1).padStart(8)}${p99.toFixed(1).padStart(9)}${range.padStart(14)}`;
}
