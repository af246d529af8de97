import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Servers on one port of 127.0.0.1, 127.0.0.2 and so on, each answering with its address. */
export class Servers {
  port = 0;
  readonly #servers = new Map<string, Server>();
  /** Requests for `/held`, which wait. */
  readonly held: ServerResponse[] = [];

  static async open(...hosts: string[]): Promise<Servers> {
    for (let attempt = 0; ; attempt++) {
      const servers = new Servers();
      try {
        for (const host of hosts) await servers.start(host);
        return servers;
      } catch (error) {
        // The port of the first may be taken at another address.
        servers.close();
        if (attempt === 20) throw error;
      }
    }
  }

  async start(host: string): Promise<void> {
    const server = createServer((request, response) => {
      if (request.url === '/held') this.held.push(response);
      else response.end(host);
    });
    server.listen(this.port, host);
    await once(server, 'listening');
    this.port = (server.address() as AddressInfo).port;
    this.#servers.set(host, server);
  }

  stop(host: string): void {
    const server = this.#servers.get(host);
    server?.close();
    server?.closeAllConnections();
    this.#servers.delete(host);
  }

  close(): void {
    for (const host of this.#servers.keys()) this.stop(host);
  }
}

/** Status and body of the answer at a port of this machine. */
export async function ask(port: number, path = '/'): Promise<string> {
  const request = get({ port, path, host: '127.0.0.1', agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const body = (await response.setEncoding('utf8').toArray()).join('');
  return response.statusCode === 200 ? body : String(response.statusCode);
}

/** Who answers so many requests, and how often. */
export async function spread(port: number, count: number): Promise<Record<string, number>> {
  const times: Record<string, number> = {};
  for (let i = 0; i < count; i++) {
    const who = await ask(port);
    times[who] = (times[who] ?? 0) + 1;
  }
  return times;
}

export async function until(what: string, met: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 30_000;
  while (!(await met())) {
    assert.ok(performance.now() < end, `${what}: not within 30 s`);
    await sleep(10);
  }
}
