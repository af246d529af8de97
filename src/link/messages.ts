/** What a worker tells its supervisor. */
export type WorkerMessage =
  /** The app listens: connections are taken on the private socket; `host` and `port` are what it asked for (none: a path or descriptor). */
  | { type: 'listening'; requested: Requested | null }
  /** The app called `close()` on its server: send it nothing more. */
  | { type: 'closing' }
  /** The app called `process.send('ready')`. */
  | { type: 'ready' }
  /** The event loop turns; how busy it was since the last time, from 0 to 1, and bytes of memory that the process takes. */
  | { type: 'beat'; utilization: number; memory: number }
  /** The app did what is not supported; the sentence says what and what to do instead. */
  | { type: 'refused'; sentence: string }
  /** The app opened something that was left alone; told when the app does not get ready, for this may be why. */
  | { type: 'left-alone'; what: string };

/** What the supervisor tells a worker. */
export type SupervisorMessage =
  /** The port that clients reach, once the balancer listens: `server.address()` of an app that asked for port 0 answers it. */
  { type: 'public-port'; port: number };

/** Where an app wanted to listen, as it said so. */
export interface Requested {
  readonly host: string | undefined;
  readonly port: number;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function readRequested(value: unknown): Requested | null {
  if (!isRecord(value) || typeof value['port'] !== 'number') return null;
  return { host: typeof value['host'] === 'string' ? value['host'] : undefined, port: value['port'] };
}

/** The message, checked; `undefined` for one that this version does not know. */
export function readWorkerMessage(value: unknown): WorkerMessage | undefined {
  if (!isRecord(value)) return undefined;
  switch (value['type']) {
    case 'listening':
      return { type: 'listening', requested: readRequested(value['requested']) };
    case 'closing':
      return { type: 'closing' };
    case 'ready':
      return { type: 'ready' };
    case 'beat':
      return typeof value['utilization'] === 'number' && typeof value['memory'] === 'number'
        ? { type: 'beat', utilization: value['utilization'], memory: value['memory'] }
        : undefined;
    case 'refused':
      return typeof value['sentence'] === 'string' ? { type: 'refused', sentence: value['sentence'] } : undefined;
    case 'left-alone':
      return typeof value['what'] === 'string' ? { type: 'left-alone', what: value['what'] } : undefined;
    default:
      return undefined;
  }
}

export function readSupervisorMessage(value: unknown): SupervisorMessage | undefined {
  if (!isRecord(value) || value['type'] !== 'public-port' || typeof value['port'] !== 'number') return undefined;
  return { type: 'public-port', port: value['port'] };
}
