import { readFileSync } from 'node:fs';
import type { Peer } from '../harness/peer.js';
import type { Stage } from '../harness/stage.js';

/** Of the kernel's table, by number (include/net/tcp_states.h). */
const STATES = [
  '?',
  'established',
  'SYN sent',
  'SYN received',
  'FIN wait 1',
  'FIN wait 2',
  'time wait',
  'closed',
  'close wait',
  'last ACK',
  'listens',
  'closing',
];

/**
 * Where everybody stands: in which phase the balancer has its requests (queued; in flight at an endpoint, which owes an answer since then or
 * has not the whole request; none of these: between two attempts), what each end of a connection thinks of it, and what the kernel holds.
 */
export function report({ balancer, clients, origins, port }: Stage): string {
  const { requests, inFlight, queued, connections, errors, limits } = balancer.status();
  const hits = Object.entries(limits).filter(([, count]) => count > 0);
  const now = performance.now();
  const peers: Peer[] = [...clients, ...origins.flatMap((origin) => origin.peers)];
  const ports = new Set([port, ...origins.map((origin) => Number(new URL(origin.url).port))]);
  return [
    `balancer: ${JSON.stringify({ port, requests, inFlight, queued, connections, errors })} ${JSON.stringify(Object.fromEntries(hits))}`,
    ...balancer.endpoints.list().map((endpoint) => {
      const { url, state, inFlight: here, longLived, requests: all, failures, silentSince } = endpoint;
      const due =
        silentSince === Infinity ? 'no answer is due' : `owes an answer since ${Math.round(now - silentSince)} ms`;
      return `endpoint ${url}: ${state}, ${here} in flight, ${longLived} long-lived, ${all} in all, ${failures} failed; ${due}`;
    }),
    ...peers.map(describe),
    ...kernelTable(ports),
  ].join('\n');
}

function describe({ name, socket, ended, gone, error, input, received }: Peer): string {
  const flags = [
    socket.connecting && 'connecting',
    socket.isPaused() && 'paused',
    socket.writableEnded && 'has said its last',
    ended && 'ended by the balancer',
    error?.code,
    gone && 'closed',
  ].filter(Boolean);
  const { localPort, remotePort, bytesWritten, writableLength } = socket;
  const held = writableLength > 0 ? ` (${writableLength} of them wait)` : '';
  return `${name} ${localPort}–${remotePort}: sent ${bytesWritten}${held}, got ${received}, not taken ${input.length}; ${flags.join(', ') || 'open'}`;
}

/** Both ends of each connection to one of these ports, where the system tells. */
function kernelTable(ports: ReadonlySet<number>): string[] {
  if (process.platform !== 'linux') return [];
  return readFileSync('/proc/net/tcp', 'latin1')
    .split('\n')
    .flatMap((line) => {
      const [, local, remote, state, queues] = /^\s*\d+: (\S+) (\S+) (\S\S) (\S+)/.exec(line) ?? [];
      if (local === undefined) return [];
      const [from, to] = [portOf(local), portOf(remote!)];
      if (!ports.has(from) && !ports.has(to)) return [];
      const [sending, unread] = queues!.split(':').map((count) => Number.parseInt(count, 16));
      return [`kernel ${from}–${to}: ${STATES[Number.parseInt(state!, 16)]}, ${sending} not sent, ${unread} not read`];
    });
}

function portOf(address: string): number {
  return Number.parseInt(address.split(':')[1]!, 16);
}
