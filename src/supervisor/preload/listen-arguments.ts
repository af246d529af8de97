/** What an app asks of `server.listen()`, in whichever of its forms. */
export type Asked =
  | { kind: 'port'; port: number; host: string | undefined; rest: Rest }
  | { kind: 'path'; path: string; rest: Rest }
  | { kind: 'descriptor'; rest: Rest }
  /** A handle or a server that already listens. */
  | { kind: 'handle' }
  /** Not valid: Node's own error says so best. */
  | { kind: 'invalid' };

/** What is the same wherever the server is bound. */
export interface Rest {
  readonly backlog: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly callback: (() => void) | undefined;
}

function portOf(value: unknown): number | undefined {
  if (value === undefined || value === null) return 0;
  const port = typeof value === 'number' || (typeof value === 'string' && value.trim() !== '') ? Number(value) : NaN;
  return Number.isInteger(port) && port >= 0 && port < 65_536 ? port : undefined;
}

function byPort(value: unknown, host: unknown, rest: Rest): Asked {
  const port = portOf(value);
  return port === undefined
    ? { kind: 'invalid' }
    : { kind: 'port', port, host: typeof host === 'string' && host !== '' ? host : undefined, rest };
}

function byOptions(options: Record<string, unknown>, callback: (() => void) | undefined): Asked {
  const rest: Rest = {
    backlog: typeof options['backlog'] === 'number' ? options['backlog'] : undefined,
    signal: options['signal'] instanceof AbortSignal ? options['signal'] : undefined,
    callback,
  };
  if (options['_handle'] || options['handle'] || typeof options['listen'] === 'function') return { kind: 'handle' };
  if (typeof options['fd'] === 'number' && options['fd'] >= 0) return { kind: 'descriptor', rest };
  if ('port' in options && options['port'] !== undefined && options['port'] !== null)
    return byPort(options['port'], options['host'], rest);
  if (typeof options['path'] === 'string') return { kind: 'path', path: options['path'], rest };
  return 'port' in options ? byPort(0, options['host'], rest) : { kind: 'invalid' };
}

function isPath(value: unknown): value is string {
  return typeof value === 'string' && portOf(value) === undefined;
}

/** `listen([port][, host][, backlog][, callback])`, `listen(path…)`, `listen(options…)` or `listen(handle…)`. */
export function readListenArguments(args: readonly unknown[]): Asked {
  const last = args.at(-1);
  const callback = typeof last === 'function' ? (last as () => void) : undefined;
  const [first, second, third] = callback === undefined ? args : args.slice(0, -1);
  if (typeof first === 'object' && first !== null) return byOptions(first as Record<string, unknown>, callback);
  const backlog = [second, third].find((value) => typeof value === 'number');
  const rest: Rest = { backlog, signal: undefined, callback };
  if (isPath(first) && first !== '') return { kind: 'path', path: first, rest };
  return byPort(first, second, rest);
}
