import { createServer } from 'node:net';
import type { ListenAddress } from '../index.js';

/** A bound address as people write it. An address of all interfaces is shown as the one that works here. */
export function showAddress(address: ListenAddress): string {
  if ('path' in address) return `unix:${address.path}`;
  if ('fd' in address) return `fd:${address.fd}`;
  const { host = '::', port } = address;
  if (host === '::' || host === '0.0.0.0') return `http://localhost:${port}`;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/**
 * Rejects when a port that was asked for is taken, before workers are started in vain. That it is free now promises nothing: the
 * balancer's own `listen` decides.
 */
export async function expectFree(where: readonly (string | number)[]): Promise<void> {
  for (const asked of where) {
    const [, host, port] = /^(?:\[?([^[\]/]*?)\]?:)?(\d+)$/.exec(`${asked}`) ?? [];
    if (port === undefined || port === '0' || host === 'fd') continue;
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port: Number(port), ...(host ? { host } : {}) }, () => server.close(() => resolve()));
    });
  }
}
