import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const cli = join(root, 'dist/cli/main.js');

/** Everything that is written for people to read. */
const pages = ['.', 'examples', 'bench', 'docs']
  .filter((folder) => existsSync(join(root, folder)))
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: folder === 'docs', encoding: 'utf8' }).map((name) =>
      join(folder, name),
    ),
  )
  .filter((path) => path.endsWith('.md'))
  .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));

function blocksOf(text: string, language: string): string[] {
  return Array.from(text.matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, 'gm')), (match) => match[1]!);
}

test('links between pages lead somewhere', () => {
  const dead = pages.flatMap(({ path, text }) =>
    Array.from(text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g), (match) => match[1]!)
      .filter((link) => !/^\w+:/.test(link) && !existsSync(join(root, dirname(path), link)))
      .map((link) => `${path}: ${link}`),
  );
  assert.deepEqual(dead, []);
});

test('npm scripts that pages name are there', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object };
  const unknown = pages.flatMap(({ path, text }) =>
    Array.from(text.matchAll(/npm run ([\w:-]+)/g), (match) => match[1]!)
      .filter((name) => !Object.hasOwn(scripts, name))
      .map((name) => `${path}: npm run ${name}`),
  );
  assert.deepEqual(unknown, []);
});

test('flags that pages use are those of their command', () => {
  const help = new Map<string, string>();
  const flagsOf = (command: string): string => {
    if (!help.has(command)) {
      help.set(command, spawnSync(process.execPath, [cli, command, '--help'], { encoding: 'utf8' }).stdout);
    }
    return help.get(command)!;
  };
  const unknown = pages.flatMap(({ path, text }) =>
    Array.from(text.matchAll(/\bmultiserver (start|proxy|status|stop)\b([^\n`#]*)/g)).flatMap((match) =>
      (match[2]!.split(' -- ')[0]!.match(/(?<=\s)--?[a-z][a-z-]*/g) ?? [])
        .filter((flag) => !new RegExp(`(^|[\\s,])${flag}\\b(?!-)`, 'm').test(flagsOf(match[1]!)))
        .map((flag) => `${path}: ${match[1]} ${flag}`),
    ),
  );
  assert.deepEqual(unknown, []);
});

test('the TypeScript that pages show is right', () => {
  const folder = join(root, 'build/pages');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const { path, text } of pages) {
    for (const [i, code] of blocksOf(text, 'ts').entries()) {
      writeFileSync(join(folder, `${path.replaceAll('/', '-')}-${i}.ts`), `${code}\nexport {};\n`);
    }
  }
  const compilerOptions = { noEmit: true, rootDir: '.', declaration: false };
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ extends: '../../tsconfig.json', compilerOptions, include: ['.'] }),
  );
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });
  assert.equal(status, 0, stdout);
});

test("the README's first program serves what it says", { timeout: 120_000 }, async (t) => {
  const elsewhere = createServer((_request, response) => response.end('elsewhere')).listen(0, '127.0.0.1');
  t.after(() => elsewhere.close());
  await once(elsewhere, 'listening');
  const { port } = elsewhere.address() as AddressInfo;
  const blocks = blocksOf(pages.find(({ path }) => path === 'README.md')!.text, 'ts');
  const program = blocks.find((block) => block.includes('new LoadBalancer('));
  const given = [
    ["'./app.js'", `'${join(root, 'examples/http/app.cjs')}'`],
    ['http://10.0.0.7:8080', `http://127.0.0.1:${port}`],
    ['await balancer.listen(3000)', "console.log((await balancer.listen('127.0.0.1:0'))[0]?.port)"],
  ] as const;
  const code = given.reduce((text, [from, to]) => {
    assert.ok(text.includes(from), from);
    return text.replace(from, to);
  }, program!);
  const file = join(root, 'build/readme.mjs');
  writeFileSync(file, code);

  const child = spawn(process.execPath, [relative(root, file)], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  const ask = async (path: string): Promise<string> => (await fetch(`http://127.0.0.1:${line}${path}`)).text();
  assert.equal(await ask('/hello'), 'answered by the balancer itself');
  const answers = new Set<string>();
  for (let i = 0; i < 500 && !(answers.has('elsewhere') && answers.size > 1); i++) answers.add(await ask('/whoami'));
  assert.ok(answers.has('elsewhere') && answers.size > 1, [...answers].join('\n'));
});

test('the demo loses no request', { timeout: 120_000 }, () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/demo.mjs'], { cwd: root, encoding: 'utf8' });
  assert.equal(status, 0, stdout + stderr);
  assert.match(stdout, /2000 of 2000 were answered/);
});
