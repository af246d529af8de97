import { CommanderError } from 'commander';
import { MultiserverError, OPTION_ROWS, type ErrorCode } from '../index.js';
import { FAILED, NOT_RUNNING, WRONG_USAGE } from './exit-codes.js';
import { longName } from './flags.js';
import { portOwner } from './port-owner.js';
import type { Given } from './values.js';

export interface Problem {
  /** What is wrong and what to do. */
  readonly message: string;
  /** Lines that show it: the end of the app's output. */
  readonly details: string;
  readonly exitCode: number;
}

const ROWS = [...OPTION_ROWS.balancer, ...OPTION_ROWS.spawn].filter(({ flag }) => flag !== '');
const EXIT: Partial<Record<ErrorCode, number>> = { MS_INVALID_OPTION: WRONG_USAGE, MS_NOT_RUNNING: NOT_RUNNING };

/** Any error in words for whoever typed the command; `given` knows where each option came from. */
export async function explain(error: unknown, given?: Given): Promise<Problem> {
  if (error instanceof CommanderError) return { message: usage(error), details: '', exitCode: WRONG_USAGE };
  const system = (await systemError(error)) ?? fileError(error);
  if (system) return { message: system, details: '', exitCode: FAILED };
  if (!(error instanceof MultiserverError)) {
    const message = error instanceof Error ? error.message : String(error);
    return {
      message: `Unexpected error: ${message}. With --debug its stack is shown; please report it.`,
      details: '',
      exitCode: FAILED,
    };
  }
  const [message = '', ...details] = error.message.split('\n');
  return { message: nameSources(message, given), details: details.join('\n'), exitCode: EXIT[error.code] ?? FAILED };
}

/**
 * `Option "timeout" must …` is about the flag or variable that gave it, else about the file. Others that the message names could be given
 * by their flags.
 */
function nameSources(message: string, given: Given | undefined): string {
  if (!message.startsWith('Option "')) return message;
  return message.replace(/(Option )?"([\w.]+)"/g, (quoted, isSubject: string | undefined, name: string) => {
    const source = given?.sources.get(name);
    if (source !== undefined) return source;
    if (given?.config) return isSubject ? `"${name}" in ${given.config.label}` : quoted;
    const row = ROWS.find((candidate) => candidate.name === name);
    return row === undefined ? quoted : `--${longName(row.flag)}`;
  });
}

/** commander's own words, without its prefix and in one line: "unknown option '--prot' (Did you mean --port?)". */
function usage(error: CommanderError): string {
  const text = error.message
    .replace(/^error: /, '')
    .replace(/\s*\n\s*/g, ' ')
    .replace(/[.]$/, '')
    .trim();
  const hint = text.startsWith("too many arguments for 'start'") ? '; arguments of the app come after --' : '';
  const sentence = `${text[0]!.toUpperCase()}${text.slice(1)}${hint}`;
  return /[)?]$/.test(sentence) ? sentence : `${sentence}.`;
}

/** What the system said when an address could not be bound, here or further down. */
async function systemError(error: unknown): Promise<string | undefined> {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code, port, address, syscall } = cause as NodeJS.ErrnoException & { port?: number; address?: string };
    if (syscall !== 'listen' && syscall !== 'bind') continue;
    if (code === 'EADDRNOTAVAIL') {
      return `${address} is no address of this machine: choose another with --listen ("ip address" shows them).`;
    }
    if (port !== undefined && port >= 0) return portError(code, port, cause.message);
    // libuv says EACCES for a directory that is missing, too; that was looked at before
    if (code === 'EADDRINUSE') return `${address} is in use by another process: end that, or choose another path.`;
    if (code === 'EACCES') return `${address} may not be made by this user: choose a path that you may write to.`;
  }
  return undefined;
}

/** A file or folder that the command line names and this user may not look at. */
function fileError(error: unknown): string | undefined {
  const { code, path } = error as NodeJS.ErrnoException;
  return (code === 'EACCES' || code === 'EPERM') && path !== undefined
    ? `${path} may not be read by this user.`
    : undefined;
}

async function portError(code: string | undefined, port: number, reason: string): Promise<string> {
  switch (code) {
    case 'EADDRINUSE': {
      const owner = await portOwner(port);
      return owner === undefined
        ? `Port ${port} is in use: "ss -ltnp 'sport = :${port}'" shows by whom; end that, or choose another port with -p.`
        : `Port ${port} is in use by ${owner}, or choose another port with -p.`;
    }
    case 'EACCES':
      return `Port ${port} may not be listened on by this user: choose a port above 1023 with -p.`;
    default:
      return `Listening on port ${port} failed: ${reason}.`;
  }
}
