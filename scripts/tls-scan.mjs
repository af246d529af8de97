// What testssl.sh and sslscan say of the HTTPS that a balancer speaks: nothing above "low", or this fails.
//   npm run test:tls-scan     after `npm run build`; some minutes. What they print lies in .tls-scan/, and what it amounts to in docs/tls-scan.md.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { createAuthority, issue } from './certificates.mjs';
import { prepare } from './services.mjs';

const folder = fileURLToPath(new URL('../.tls-scan', import.meta.url));
const PAGE = fileURLToPath(new URL('../docs/tls-scan.md', import.meta.url));

/** What a scan on this machine alone must find, whatever is scanned. */
const EXPECTED = {
  cert_revocation: 'an authority that lives for a run has no revocation list',
  engine_problem: "is about the scanner's own openssl",
  sessionresumption_ticket:
    'it may hang up before TLS 1.3 sends the ticket; that sessions are resumed is tested elsewhere',
};
const ABOVE_LOW = ['MEDIUM', 'HIGH', 'CRITICAL', 'WARN', 'FATAL'];

/** sslscan gives no severities: what of its output would be bad. */
const SSLSCAN_FAULTS = {
  'an old protocol': /<protocol type="(?:ssl" version="[23]"|tls" version="1\.[01]") enabled="1"/,
  'no TLS_FALLBACK_SCSV': /<fallback supported="0"/,
  renegotiation: /<renegotiation supported="1" secure="0"/,
  compression: /<compression supported="1"/,
  heartbleed: /<heartbleed [^>]*vulnerable="1"/,
  'a weak suite': /<cipher [^>]*strength="(?!strong|acceptable)/,
  'a suite without forward secrecy': /<cipher [^>]*cipher="(?!TLS_|ECDHE-)/,
  'a weak group': /<group [^>]*bits="(?:\d\d|1[01]\d|12[0-7])"/,
};

/** Serves HTTPS as an app would that sends the fields which scanners look for. */
const SERVER = `
  const { parentPort, workerData } = require('node:worker_threads');
  import(workerData.package).then(async ({ LoadBalancer, forceHttps }) => {
    const balancer = new LoadBalancer({ https: workerData.https });
    balancer.configure(forceHttps({ mapTo: 'scanned.test', hsts: true }));
    balancer.get('*', (c) => c.text('hello', 200, { 'X-Frame-Options': 'DENY', 'X-Content-Type-Options': 'nosniff' }));
    const [{ port }] = await balancer.listen('127.0.0.1:0');
    parentPort.postMessage(port);
  });
`;

process.exitCode = await main();

async function main() {
  const missing = prepare('scan');
  if (missing.length > 0) return 1;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  const ca = createAuthority(folder);
  const faults = [];
  const rows = [];
  for (const kind of ['ecdsa', 'rsa']) {
    const found = await scan(kind, ca, issue(folder, 'scanned.test', kind));
    rows.push(...found);
    faults.push(...found.filter(({ expected, severity }) => expected === undefined && ABOVE_LOW.includes(severity)));
  }
  for (const { scanner, kind, id, severity, finding } of faults)
    console.error(`${scanner}, ${kind}: ${severity} ${id}: ${finding}`);
  if (faults.length > 0) return 1;
  writeFileSync(PAGE, page(rows));
  spawnSync('npx', ['oxfmt', PAGE]);
  console.log(`Nothing above "low"; see docs/tls-scan.md, and all that was printed in .tls-scan/`);
  return 0;
}

async function scan(kind, ca, https) {
  const server = new Worker(SERVER, {
    eval: true,
    workerData: { package: new URL('../dist/index.js', import.meta.url).href, https },
  });
  const port = await new Promise((resolve, reject) => void server.once('message', resolve).once('error', reject));
  try {
    return [...testssl(kind, ca, port), ...sslscan(kind, port)];
  } finally {
    await server.terminate();
  }
}

/** Findings that are neither good nor mere information. */
function testssl(kind, ca, port) {
  const json = `${folder}/testssl-${kind}.json`;
  const where = ['--ip', '127.0.0.1', '--nodns', 'none', '--add-ca', ca, '-oj', json, `scanned.test:${port}`];
  run('testssl', ['--warnings', 'off', '--color', '0', ...where], `testssl-${kind}.txt`);
  const all = JSON.parse(readFileSync(json, 'utf8'));
  if (!all.some(({ id, severity }) => id === 'scanTime' && severity === 'INFO'))
    throw new Error('testssl did not come to its end');
  return all
    .filter(({ severity }) => severity !== 'OK' && severity !== 'INFO')
    .map(({ id, severity, finding }) => ({
      scanner: 'testssl',
      kind,
      id,
      severity,
      finding,
      expected: EXPECTED[id.split(' ')[0]],
    }));
}

function sslscan(kind, port) {
  const file = `${folder}/sslscan-${kind}.xml`;
  run(
    'sslscan',
    ['--no-colour', '--sni-name=scanned.test', `--xml=${file}`, `127.0.0.1:${port}`],
    `sslscan-${kind}.txt`,
  );
  const xml = readFileSync(file, 'utf8');
  if (!/<cipher /.test(xml)) throw new Error('sslscan found no suite at all');
  return Object.entries(SSLSCAN_FAULTS)
    .filter(([, sign]) => sign.test(xml))
    .map(([id, sign]) => ({ scanner: 'sslscan', kind, id, severity: 'HIGH', finding: sign.exec(xml)[0] }));
}

function run(command, args, output) {
  console.log(`${command}, writing ${output} …`);
  const { stdout, error } = spawnSync(command, args, { cwd: folder, encoding: 'utf8', maxBuffer: 1 << 26 });
  if (error !== undefined) throw error;
  writeFileSync(`${folder}/${output}`, stdout);
}

function versionOf(command, pattern) {
  return pattern.exec(spawnSync(command, ['--version'], { encoding: 'utf8' }).stdout)?.[1];
}

function page(rows) {
  const scanners = `testssl.sh ${versionOf('testssl', /testssl\s+([\d.]+)/)} and sslscan ${versionOf('sslscan', /(\d+\.\d+\.\d+)/)}`;
  const lines = rows.map(
    ({ scanner, kind, id, severity, finding, expected }) =>
      `| ${scanner} | ${kind} | ${id} | ${severity} | ${finding} | ${expected ?? ''} |`,
  );
  return `# What scanners say of HTTPS

Written by \`npm run test:tls-scan\`, which fails where testssl.sh or sslscan finds anything above "low" in a balancer with
HTTPS, with an ECDSA and with an RSA certificate, but for what is given a reason below.

On ${new Date().toISOString().slice(0, 10)}, by ${scanners}, Node ${process.versions.node} with OpenSSL ${process.versions.openssl}:

- TLS 1.2 and 1.3 only, only AEAD suites with forward secrecy; X25519, P-256, P-384.
- No renegotiation, no compression; none of the known attacks that they try.

Findings that are neither "ok" nor information:

${lines.length === 0 ? 'None.' : ['| scanner | certificate | finding | severity | it says | why it is there |', '| --- | --- | --- | --- | --- | --- |', ...lines].join('\n')}
`;
}
