import { performance } from 'node:perf_hooks';
import type { Link } from '../../link/link.js';
import type { SupervisorMessage, WorkerMessage } from '../../link/messages.js';

/** Tells the supervisor every `interval` ms that the event loop turns, how busy it is and how much memory the process takes. */
export function startHeartbeat(link: Link<SupervisorMessage, WorkerMessage>, interval: number): void {
  let before = performance.eventLoopUtilization();
  setInterval(() => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    link.send({ type: 'beat', utilization, memory: process.memoryUsage.rss() });
  }, interval).unref();
}
