import { createServer } from 'node:net';
import { type BoundAddress, formatAddress } from '../index.js';

/** A bound address as people write it. An address of all interfaces is shown as the one that works here. */
export function showAddress(address: BoundAddress): string {
  const everywhere = 'host' in address && (address.host === '::' || address.host === '0.0.0.0');
  return formatAddress(everywhere ? { ...address, host: 'localhost' } : address);
}

/**
 * Rejects when a port that was asked for is taken, before workers are started in vain. That it is free now promises nothing: the
 * balancer's own `listen` decides.
 */
export async function expectFree(where: readonly (string | number)[]): Promise<void> {
  for (const asked of where) {
    const [, host, port] = /^(?:https?:\/\/)?(?:\[?([^[\]/]*?)\]?:)?(\d+)$/.exec(`${asked}`) ?? [];
    if (port === undefined || port === '0' || host === 'fd') continue;
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port: Number(port), ...(host ? { host } : {}) }, () => server.close(() => resolve()));
    });
  }
}
