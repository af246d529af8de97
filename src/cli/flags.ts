import { OPTION_ROWS, type OptionRow } from '../index.js';

/** A flag, its environment variable, and the option it sets: a row of the options' table, or one of the command line's own. */
export interface FlagRow extends OptionRow {
  /** `MULTISERVER_…`; wins over the default, the flag wins over it. */
  readonly env: string;
  /** Heading in `--help`. */
  readonly group: string;
}

const OWN = 'Start and output:';
const WORKERS = 'Workers:';
const BALANCING = 'Balancing:';
const HTTPS = 'HTTPS:';
const LIMITS = 'Limits and time-outs:';

const own = (
  name: string,
  kind: OptionRow['kind'],
  flag: string,
  fallback: string,
  allowed: string,
  description: string,
) => withEnv({ name, kind, flag, default: fallback, allowed, description }, OWN);

const LISTEN = own(
  'listen',
  'list',
  '--listen <address>',
  'what the app asks for',
  'addresses such as 127.0.0.1:3000, unix:/path or fd:3',
  'Where to listen: 127.0.0.1:3000, unix:/path or fd:3 (a socket handed over by systemd); may be repeated.',
);
const PORT = own(
  'port',
  'number',
  '-p, --port <n>',
  'what the app asks for',
  'a whole number from 0 to 65535',
  'Port to listen on, on all interfaces.',
);
const NAME = own(
  'name',
  'text',
  '--name <name>',
  "the folder's name",
  "1 to 40 letters, digits, '.', '_' or '-'",
  'Name of the instance, for the commands that talk to it.',
);
const LOG_FORMAT = own(
  'logFormat',
  'text',
  '--log-format <format>',
  'pretty in a terminal, else json',
  'pretty or json',
  'Form of the log.',
);
const QUIET = own(
  'quiet',
  'boolean',
  '--quiet',
  'false',
  'true or false',
  'Only warnings, errors and what workers write.',
);
export const CONFIG = own(
  'config',
  'text',
  '--config <file>',
  'multiserver.config.ts, .js or .json, if there is one',
  'the path of a file',
  'File of options, for what neither flags nor variables say.',
);
const DEBUG = own('debug', 'boolean', '--debug', 'false', 'true or false', 'Errors with their stack traces.');

const STICKY = withEnv(
  {
    name: 'sticky',
    kind: 'text',
    flag: '--sticky <by>',
    default: 'none',
    allowed: 'cookie, ip, path, sid, header:NAME or cookie:NAME',
    description:
      'Sends a client to the same endpoint again, known by a signed cookie of its own (cookie), by ip, sid (Socket.IO), header:NAME or cookie:NAME; --algorithm chooses for new ones.',
  },
  BALANCING,
);
const STICKY_SECRET = withEnv(
  {
    name: 'stickySecret',
    kind: 'text',
    flag: '--sticky-secret <text>',
    default: 'random, for this run',
    allowed: 'a text of at least 16 characters',
    description:
      'Signs the cookie of --sticky: balancers with the same secret and endpoints agree, and a restart forgets nobody. Better given as a variable, which no list of processes shows.',
  },
  BALANCING,
);

const WATCH = withEnv(
  {
    name: 'watch',
    kind: 'boolean',
    flag: '--watch',
    default: 'false',
    allowed: 'true or false',
    description: 'Start the workers anew when a source file changes (for development).',
  },
  WORKERS,
);

/** Rows that are asked for often come under a heading of their own. */
const balancer = OPTION_ROWS.balancer.filter(hasFlag).map((row) => {
  if (row.name.startsWith('https.')) return withEnv(row, HTTPS);
  const often =
    ['list', 'boolean', 'algorithm', 'numbers'].includes(row.kind) ||
    /^(maxConcurrent|timeout$|retries|health|queue)/.test(row.name);
  return withEnv(row, often ? BALANCING : LIMITS);
});
const spawn = OPTION_ROWS.spawn.filter(hasFlag).map((row) => withEnv(row, WORKERS));

/** What the commands take. */
export const FLAGS = {
  start: [LISTEN, PORT, NAME, CONFIG, LOG_FORMAT, QUIET, DEBUG, ...spawn, WATCH, STICKY, STICKY_SECRET, ...balancer],
  proxy: [LISTEN, PORT, NAME, CONFIG, LOG_FORMAT, QUIET, DEBUG, STICKY, STICKY_SECRET, ...balancer],
  status: [NAME, own('json', 'boolean', '--json', 'false', 'true or false', 'JSON instead of a table.'), DEBUG],
  /** All that only talk to a running instance. */
  control: [NAME, DEBUG],
  /** All that need no instance. */
  local: [DEBUG],
} satisfies Record<string, readonly FlagRow[]>;

/** `--no-preserve-host` → `preserve-host` */
export function longName(flag: string): string {
  return /--(?:no-)?([a-z-]+)/.exec(flag)![1]!;
}

/** Some options are for programs only. */
function hasFlag({ flag }: OptionRow): boolean {
  return flag !== '';
}

function withEnv(row: OptionRow, group: string): FlagRow {
  const asTyped = row.kind === 'algorithm' ? row.default.toLowerCase().replaceAll('_', '-') : row.default;
  return {
    ...row,
    default: asTyped,
    group,
    env: `MULTISERVER_${longName(row.flag).replaceAll('-', '_').toUpperCase()}`,
  };
}
