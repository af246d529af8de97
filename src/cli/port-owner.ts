import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { findInstances } from './instance.js';

/** State of a listening socket in `/proc/net/tcp`. */
const LISTENING = '0A';

/** Who listens on a TCP port and how to end it, as far as this user may know; in words that follow "in use by". */
export async function portOwner(port: number): Promise<string | undefined> {
  const { here, elsewhere } = await findInstances();
  const instance = [...here, ...elsewhere].find(({ addresses }) =>
    addresses.some((address) => 'port' in address && address.port === port),
  );
  if (instance) return `the instance ${instance.name}: end it with "multiserver stop --name ${instance.name}"`;
  const pid = process.platform === 'linux' ? pidOf(listeningSockets(port)) : undefined;
  return pid === undefined ? undefined : `${commandOf(pid)} (pid ${pid}): end it`;
}

/** As file descriptors show them: `socket:[1127223]`. */
function listeningSockets(port: number): Set<string> {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) => read(table).split('\n').slice(1));
  return new Set(
    rows
      .map((row) => row.trim().split(/\s+/))
      .filter(([, address, , state]) => address?.endsWith(local) && state === LISTENING)
      .map((fields) => `socket:[${fields[9]}]`),
  );
}

/** Processes of other users do not show their descriptors. */
function pidOf(sockets: ReadonlySet<string>): number | undefined {
  if (sockets.size === 0) return undefined;
  const holds = (pid: string): boolean =>
    list(`/proc/${pid}/fd`).some((fd) => sockets.has(link(`/proc/${pid}/fd/${fd}`)));
  const pid = list('/proc').find((name) => /^\d+$/.test(name) && holds(name));
  return pid === undefined ? undefined : Number(pid);
}

const isFlag = (word: string): boolean => word.startsWith('-');

/** `node server.js`, whatever flags of node are between them; `nginx`. */
function commandOf(pid: number): string {
  const [command = '', ...rest] = read(`/proc/${pid}/cmdline`).split('\0');
  const script = basename(command) === 'node' ? rest.find((word) => !isFlag(word)) : rest[0];
  const words = [command.split(/[ :]/)[0]!, script ?? ''].filter((word) => word !== '' && !isFlag(word));
  return words.map((word) => basename(word)).join(' ') || 'a process';
}

// A process may be gone between two looks, and of others' not everything is shown.
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
