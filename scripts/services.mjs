// The programs that tests and benchmarks need besides Node: installed where that is allowed, told loudly where they are missing.
//   node scripts/services.mjs test|bench|scan
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const PROGRAMS = [
  { command: 'python3', debian: 'python3', for: ['test'], why: 'workers that are not Node' },
  { command: 'ip', debian: 'iproute2', for: ['test'], why: 'hosts of their own in network namespaces' },
  { command: 'chromium', debian: 'chromium', for: ['test'], why: 'pages in a browser' },
  { command: 'pebble', debian: 'pebble', for: ['test'], why: 'automatic HTTPS with a real authority' },
  { command: 'nginx', debian: 'nginx-light', for: ['bench'], why: 'the comparison with nginx' },
  {
    command: 'haproxy',
    debian: 'haproxy',
    for: ['test', 'bench'],
    why: 'the PROXY protocol, and the comparison with HAProxy',
  },
  { command: 'wrk', debian: 'wrk', for: ['bench'], why: 'the load itself' },
  { command: 'testssl', debian: 'testssl.sh', for: ['scan'], why: 'what it thinks of our TLS' },
  { command: 'sslscan', debian: 'sslscan', for: ['scan'], why: 'what it thinks of our TLS' },
];

/** Sees to it that the programs of a purpose are there, and returns the names of those that cannot be had. */
export function prepare(purpose) {
  const needed = PROGRAMS.filter((program) => program.for.includes(purpose));
  const absent = needed.filter(({ command }) => !isThere(command));
  if (absent.length > 0) install(absent.map(({ debian }) => debian));

  const missing = absent.filter(({ command }) => !isThere(command));
  for (const { command, debian, why } of missing) {
    console.error(`\n  !! ${command} is missing (needed for ${why}); as root: apt-get install ${debian}\n`);
  }
  return missing.map(({ command }) => command);
}

function isThere(command) {
  return spawnSync('sh', ['-c', `PATH="$PATH:/usr/sbin:/sbin"; command -v ${command}`]).status === 0;
}

function install(packages) {
  const root = rootPrefix();
  if (root === null) return;
  console.log(`Installing ${packages.join(', ')} …`);
  const apt = `apt-get -qq install -y --no-install-recommends ${packages.join(' ')}`;
  // Debian starts a server as soon as it is installed, unless this file forbids it.
  const policy = '/usr/sbin/policy-rc.d';
  const forbid = existsSync(policy)
    ? ''
    : `trap 'rm -f ${policy}' EXIT; printf '#!/bin/sh\\nexit 101\\n' > ${policy}; chmod +x ${policy};`;
  const script = `export DEBIAN_FRONTEND=noninteractive; ${forbid} ${apt} || { apt-get -qq update && ${apt}; }`;
  const [command, ...args] = [...root, 'sh', '-c', script];
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) console.error(stderr);
}

/** What to put before a command so that root runs it without anyone being asked; null where that cannot be, or is not Debian. */
function rootPrefix() {
  if (!isThere('apt-get')) return null;
  if (process.getuid?.() === 0) return [];
  return spawnSync('sudo', ['-n', 'true']).status === 0 ? ['sudo', '-n'] : null;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exit(prepare(process.argv[2] ?? 'test').length === 0 ? 0 : 1);
}
