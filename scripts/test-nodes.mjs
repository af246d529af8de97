// Runs the tests on other lines of Node, each in its newest version, which npm carries as a package.
//   npm run test:nodes                  22, 24 and 26
//   npm run test:nodes -- 20.19.0       any version that there is
//   npm run test:nodes -- 24 -- wire    what follows `--` is for scripts/test.mjs
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const LINES = ['22', '24', '26'];

const root = fileURLToPath(new URL('..', import.meta.url));
const words = process.argv.slice(2);
const split = words.includes('--') ? words.indexOf('--') : words.length;
const versions = split > 0 ? words.slice(0, split) : LINES;
const rest = words.slice(split + 1);

const failed = versions.filter((version) => {
  const folder = install(version);
  const node = join(folder, 'node');
  const [name] = run(node, ['--version'], { encoding: 'utf8' }).stdout.split('\n');
  console.log(`\n—— ${name} ——`);
  // First in PATH too: some tests start `node` by its name.
  const env = { ...process.env, PATH: `${folder}${delimiter}${process.env.PATH}` };
  return run(node, ['scripts/test.mjs', ...rest], { cwd: root, env, stdio: 'inherit' }).status !== 0;
});
console.log(failed.length === 0 ? `\nPassed on ${versions.join(', ')}` : `\nFailed on ${failed.join(', ')}`);
process.exit(failed.length === 0 ? 0 : 1);

/** The folder of its executable. */
function install(version) {
  const name = `node-${process.platform}-${process.arch}`;
  const prefix = join(root, 'node_modules/.cache/multiserver', `node-${version}`);
  const folder = join(prefix, 'node_modules', name, 'bin');
  if (existsSync(folder)) return folder;
  mkdirSync(prefix, { recursive: true });
  const args = ['install', '--prefix', prefix, '--no-save', '--no-audit', '--no-fund', `${name}@${version}`];
  const { status } = run('npm', args, { stdio: 'inherit' });
  if (status !== 0) throw new Error(`There is no ${name}@${version}`);
  return folder;
}

function run(command, args, options) {
  const result = spawnSync(command, args, options);
  if (result.error) throw result.error;
  return result;
}
