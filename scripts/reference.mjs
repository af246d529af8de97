// Writes docs/reference/ from what the code says of itself: the tables of options, errors and commands, and the comments of the events.
//   npm run reference               after `npm run build`
//   npm run reference -- --check    writes nothing, and fails where a page is not as it would be written
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { COMMANDS } from '../dist/cli/commands/index.js';
import { EXIT_CODES } from '../dist/cli/exit-codes.js';
import { ERRORS, OPTION_ROWS } from '../dist/index.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = `${root}docs/reference`;
const GENERATED = '<!-- Written by `npm run reference` from src; changes made here are lost. -->';

const PAGES = { 'options.md': options(), 'cli.md': commandLine(), 'events.md': events(), 'errors.md': errors() };

const stale = Object.entries(PAGES).filter(([name, text]) => {
  const path = `${folder}/${name}`;
  return !existsSync(path) || readFileSync(path, 'utf8') !== text;
});
if (!process.argv.includes('--check')) {
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of stale) writeFileSync(`${folder}/${name}`, text);
} else if (stale.length > 0) {
  const names = stale.map(([name]) => `docs/reference/${name}`).join(', ');
  console.error(`Not in step with src: ${names}. To write them anew: npm run build && npm run reference`);
  process.exit(1);
}

function options() {
  const { balancer, spawn, route } = OPTION_ROWS;
  return page(
    'Options',
    `What \`new LoadBalancer({ … })\`, \`reconfigure({ … })\` and \`spawn(app, { … })\` take. A dot stands for an object within:
\`queue.size\` is \`{ queue: { size: … } }\`. An option that is unknown, of the wrong type or out of bounds fails at once, with its
name; nothing is coerced.

Durations are milliseconds or \`'200ms'\` \`'5s'\` \`'10m'\` \`'1h'\`; sizes are bytes or \`'64KB'\` \`'256MB'\` \`'1GB'\` (powers of 1024);
rates are \`'100/s'\` \`'30/m'\` \`'1000/h'\`. Flags are those of [\`start\` and \`proxy\`](cli.md).`,
    ...grouped(balancer, ({ name }) => (name.includes('.') ? name.split('.')[0] : '')).flatMap(([group, rows]) => [
      `## ${group === '' ? 'LoadBalancer' : code(group)}`,
      optionTable(rows, true),
    ]),
    '## Rules of `routes`',
    optionTable(route, false),
    '## spawn',
    optionTable(spawn, true),
  );
}

/** Rows of the same group together, in the order of the first of each. */
function grouped(rows, groupOf) {
  const groups = new Map();
  for (const row of rows) {
    const group = groupOf(row);
    if (!groups.has(group)) groups.set(group, []);
    groups.get(group).push(row);
  }
  return [...groups];
}

function optionTable(rows, withFlags) {
  const head = ['Option', 'Meaning', 'Value', 'Default', ...(withFlags ? ['Flag'] : [])];
  return table(
    head,
    rows.map(({ name, description, allowed, default: fallback, flag }) => [
      code(name),
      prose(description),
      prose(allowed.replace(/: (?:milliseconds|bytes) or '.*'/, '').replace(/: '\d.*'/, '')),
      valueOf(fallback),
      ...(withFlags ? [flag === '' ? '' : code(flag)] : []),
    ]),
  );
}

/** A default is a value, or words. */
function valueOf(fallback) {
  return /^(?:'.*'|[\d.]+(?:[a-z]+|[A-Z]B)?|[A-Z_]+|[a-z]+-[a-z]+|Infinity|true|false|\[\]|\{\})$/.test(fallback)
    ? code(fallback)
    : prose(fallback);
}

function commandLine() {
  const sections = COMMANDS.flatMap(({ name, summary, operand, usage, flags }) => {
    const forms = usage?.split('\n').map((line) => line.trim()) ?? [`${operand ? `${operand[0]} ` : ''}[flags]`];
    const lines = forms.map((form) => (form.startsWith('multiserver') ? form : `multiserver ${name} ${form}`));
    return [
      `## ${name}`,
      `${summary[0].toUpperCase()}${summary.slice(1)}.`,
      `\`\`\`\n${lines.join('\n')}\n\`\`\``,
      ...(operand ? [`${code(operand[0])}: ${prose(operand[1])}.`] : []),
      ...flagSections(name, flags),
    ];
  });
  return page(
    'Command line',
    `Every flag can be given by a variable, too, which the flag wins over: \`MULTISERVER_TIMEOUT=5s\` is \`--timeout 5s\`. What the
flags that set an option take is told in [options](options.md). \`multiserver <command> --help\` shows the same.`,
    ...sections,
    ...configuration(),
    '## Exit codes',
    table(
      ['Code', 'Meaning'],
      EXIT_CODES.map(([exitCode, meaning]) => [exitCode, prose(meaning)]),
    ),
  );
}

/** The flags that set an option are told once, with `start`. */
function flagSections(name, flags) {
  const known = new Set(COMMANDS.find((command) => command.name === 'start').flags.map(({ flag }) => flag));
  const told = name === 'proxy' ? flags.filter(({ flag }) => !known.has(flag)) : flags;
  const tables = grouped(told, ({ group }) => group).flatMap(([group, rows]) => [
    `**${group.replace(/:$/, '')}**`,
    table(
      ['Flag', 'Variable', 'Meaning', 'Default'],
      rows.map(({ flag, env, description, default: fallback }) => [
        code(flag),
        code(env),
        prose(description),
        valueOf(fallback.replace(/^'(.*)'$/, '$1')),
      ]),
    ),
  ]);
  return name === 'proxy' ? ['The flags of [start](#start), without those for workers.', ...tables] : tables;
}

function configuration() {
  const found = declared('src/load-balancer/config.ts', 'MultiserverConfig', /(\w+)\?: ([^]*?)(?: \| undefined)?;/);
  return [
    '## Configuration file',
    `\`multiserver.config.ts\`, \`.mts\`, \`.js\`, \`.mjs\`, \`.cjs\` or \`.json\` in the current folder, or what \`--config\` names. It exports
an object by default, best made with \`defineConfig\` of \`node-multiserver\`, which tells editors what may be in there. Variables win
over it, and flags over both. Paths of apps and folders in it are relative to its own. It takes all [options](options.md) of \`LoadBalancer\` by their
names, and these; in JSON an algorithm is named as on the command line.`,
    table(['Name', 'Meaning', 'Type'], found),
  ];
}

function events() {
  const found = declared('src/load-balancer/events.ts', 'BalancerEvents', /(\w+): \[([^]*?)\];/);
  return page(
    'Events',
    `What \`balancer.events\`, an \`EventEmitter\`, emits. The types are \`BalancerEvents\`, \`Endpoint\`, \`WorkerView\` and
\`BoundAddress\` of \`node-multiserver\`.`,
    table(['Event', 'When', 'Listener gets'], found),
  );
}

/** The members of an interface, each with its comment, as cells: name, comment, type. */
function declared(path, name, member) {
  const source = readFileSync(`${root}${path}`, 'utf8');
  const start = source.indexOf(`export interface ${name} `);
  const body = source.slice(start, source.indexOf('\n}', start));
  const commented = new RegExp(`/\\*\\*\\s((?:(?!\\*/)[^])*)\\s\\*/\\s+${member.source}\\n`, 'g');
  return Array.from(`${body}\n`.matchAll(commented), ([, comment, key, type]) => [
    code(key),
    prose(comment.replace(/\s*\n\s*\*\s*/g, ' ')),
    code(type.replace(/\s+/g, ' ').replace(/,? $/, '').trim()),
  ]);
}

function errors() {
  const whose = { client: 'the client', endpoint: 'the endpoint', self: 'multiserver' };
  return page(
    'Errors',
    `Every error is a \`MultiserverError\` with one of these codes. The status is that of the answer when none had begun; where there
is none, there is nobody to answer. Retried are requests for which the [rules of retries](options.md) allow it.`,
    table(
      ['Code', 'Status', 'Because of', 'Retried', 'Meaning'],
      Object.entries(ERRORS).map(([name, { status, origin, retryable, message }]) => [
        code(name),
        status === 0 ? '' : `${status}`,
        whose[origin],
        retryable ? 'yes' : '',
        prose(message),
      ]),
    ),
  );
}

function page(title, ...blocks) {
  return `${[`# ${title}`, GENERATED, ...blocks].join('\n\n')}\n`;
}

function table(head, rows) {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function code(text) {
  return `\`${text.replaceAll('|', '\\|')}\``;
}

/** Text in which only backticks are markup. */
function prose(text) {
  return text
    .split(/(`[^`]*`)/)
    .map((part) => part.replace(part.startsWith('`') ? /[|]/g : /[*_<|]/g, '\\$&'))
    .join('');
}
