import { fstatSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { type BoundAddress, formatAddress, type ListenAddress } from '../index.js';
import { isDirectory } from './app.js';
import { usageError } from './usage-error.js';

/** A bound address as people write it. An address of all interfaces is shown as the one that works here. */
export function showAddress(address: BoundAddress): string {
  const everywhere = 'host' in address && (address.host === '::' || address.host === '0.0.0.0');
  return formatAddress(everywhere ? { ...address, host: 'localhost' } : address);
}

/**
 * Rejects when an address cannot be listened on, before workers are started in vain. That it can be now promises nothing: the balancer's
 * own `listen` decides.
 */
export async function expectFree(where: readonly ListenAddress[]): Promise<void> {
  for (const address of where) {
    if ('fd' in address) expectSocket(address.fd);
    else if ('path' in address) expectFolder(address.path);
    else await tryListening(address);
  }
}

function expectSocket(fd: number): void {
  try {
    if (fstatSync(fd).isSocket()) return;
  } catch {
    // not open at all
  }
  throw usageError(
    `fd:${fd} is no socket that was handed over to this process: whoever starts it must do that, as systemd does with a .socket unit.`,
  );
}

function expectFolder(path: string): void {
  if (!isDirectory(dirname(path))) throw usageError(`There is no directory ${dirname(path)} for unix:${path}.`);
}

async function tryListening({ host, port }: { host?: string; port: number }): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, ...(host === undefined ? {} : { host }) }, () => server.close(() => resolve()));
  });
}
