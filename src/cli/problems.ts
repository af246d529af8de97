import { CommanderError } from 'commander';
import { MultiserverError, type ErrorCode } from '../index.js';
import { FAILED, NOT_RUNNING, WRONG_USAGE } from './exit-codes.js';

export interface Problem {
  /** What is wrong and what to do. */
  readonly message: string;
  /** Lines that show it: the end of the app's output. */
  readonly details: string;
  readonly exitCode: number;
}

const EXIT: Partial<Record<ErrorCode, number>> = { MS_INVALID_OPTION: WRONG_USAGE, MS_NOT_RUNNING: NOT_RUNNING };

/** Any error in words for whoever typed the command. `sources` names the flag or variable that an option came from. */
export function explain(error: unknown, sources: ReadonlyMap<string, string> = new Map()): Problem {
  if (error instanceof CommanderError) return { message: usage(error), details: '', exitCode: WRONG_USAGE };
  const system = systemError(error);
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
  const named = message.replace(/^Option "([^"]+)"/, (option, name: string) => sources.get(name) ?? option);
  return { message: named, details: details.join('\n'), exitCode: EXIT[error.code] ?? FAILED };
}

/** commander's own words, without its prefix and in one line: "unknown option '--prot' (Did you mean --port?)". */
function usage(error: CommanderError): string {
  const text = error.message
    .replace(/^error: /, '')
    .replace(/\s*\n\s*/g, ' ')
    .trim();
  const sentence = `${text[0]!.toUpperCase()}${text.slice(1)}`;
  return /[.)?]$/.test(sentence) ? sentence : `${sentence}.`;
}

/** What the system said when an address could not be bound, here or further down. */
function systemError(error: unknown): string | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code, port, address, syscall } = cause as NodeJS.ErrnoException & { port?: number; address?: string };
    if (syscall !== 'listen' && syscall !== 'bind') continue;
    const place = port === undefined || port < 0 ? `${address}` : `port ${port}`;
    const where = place[0]!.toUpperCase() + place.slice(1);
    if (code === 'EADDRINUSE' && port !== undefined && port >= 0) {
      return `${where} is in use: "ss -ltnp 'sport = :${port}'" shows by whom; end that, or choose another port with -p.`;
    }
    if (code === 'EADDRINUSE') return `${where} is in use by another process: end that, or choose another path.`;
    if (code === 'EACCES')
      return `${where} may not be listened on by this user: choose a port above 1023 with -p, or a path that you may write to.`;
    if (code === 'EADDRNOTAVAIL')
      return `${address} is no address of this machine: choose another with --listen ("ip address" shows them).`;
    return `Listening on ${where} failed: ${cause.message}.`;
  }
  return undefined;
}
