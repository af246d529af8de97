import type { SrvRecord } from 'node:dns';
import { lookup, Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';

/** Before a DNS server that does not answer is given up, and how often it is asked. */
const TIMEOUT_MS = 2000;
const TRIES = 2;

export type Family = 4 | 6 | undefined;

/**
 * Addresses and services by name. Without `servers` addresses come as for any program of this machine, with its hosts file and search
 * domains; services only from DNS servers, since the system's resolver knows none.
 */
export class NameResolver {
  readonly #resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
  readonly #own: boolean;

  constructor(servers: readonly string[] | undefined) {
    this.#own = servers !== undefined;
    if (servers !== undefined) this.#resolver.setServers(servers);
  }

  /** Of both families the first that has any: the same server under two addresses would count twice. Empty: there is no such name. */
  async addresses(name: string, family: Family): Promise<string[]> {
    if (isIP(name) !== 0) return [name];
    if (family !== undefined) return this.#addresses(name, family);
    const found = await this.#addresses(name, 4);
    return found.length > 0 ? found : this.#addresses(name, 6);
  }

  #addresses(name: string, family: 4 | 6): Promise<string[]> {
    if (this.#own) return orNone(family === 4 ? this.#resolver.resolve4(name) : this.#resolver.resolve6(name));
    return orNone(lookup(name, { family, all: true }).then((found) => found.map(({ address }) => address)));
  }

  services(name: string): Promise<SrvRecord[]> {
    return orNone(this.#resolver.resolveSrv(name));
  }

  cancel(): void {
    this.#resolver.cancel();
  }
}

/** That there is nothing is an answer; everything else that fails is none. */
async function orNone<T>(answer: Promise<T[]>): Promise<T[]> {
  try {
    return await answer;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENODATA' || code === 'ENOTFOUND') return [];
    throw error;
  }
}

export function isNameServer(server: unknown): boolean {
  try {
    new Resolver().setServers([server as string]);
    return true;
  } catch {
    return false;
  }
}
