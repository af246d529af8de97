import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import tls from 'node:tls';
import { LoadBalancer, type LoadBalancerOptions } from 'node-multiserver';
import { Authority, type Issued } from '../../https/authority.js';
import { Client } from './client.js';
import { Origin } from './origin.js';
import { comesTrue } from './patience.js';
import { PATIENCE, type Where } from './peer.js';
import { countSockets } from './sockets.js';
import { Transcript } from './transcript.js';

export interface Setting {
  /** Options of the balancer. */
  options?: LoadBalancerOptions;
  /** How many origins it has as endpoints; 1 by default. */
  origins?: number;
  /** Where they and the balancer listen; 127.0.0.1 by default. */
  host?: string;
  /** Own routes, middleware, events: what is said before it listens. */
  setup?: (balancer: LoadBalancer) => void;
  /** The balancer must have let everything go by itself at the end, without being closed; false where the test ends in its midst. */
  settles?: boolean;
  /** Everybody speaks over Unix sockets, whose buffers in the kernel are small and always of the same size. */
  unix?: boolean;
  /** The clients speak HTTPS. */
  secure?: boolean;
}

let certificate: Promise<Issued> | null = null;

/** One for all tests of a file: it is not what they are about. */
const issue = async (): Promise<Issued> => (await Authority.create()).issue({ names: ['a.example', '127.0.0.1'] });

/** What one test plays on: origins, the balancer before them, clients. */
export class Stage {
  readonly transcript = new Transcript();
  readonly balancer: LoadBalancer;
  readonly origins: Origin[] = [];
  readonly clients: Client[] = [];
  #where: Where = { host: '127.0.0.1', port: 0 };
  readonly #secure: boolean;
  #folder: string | null = null;

  constructor(setting: Setting, https: Issued | null) {
    this.#secure = https !== null;
    this.balancer = new LoadBalancer({
      ...setting.options,
      ...(https === null ? {} : { https: { ...setting.options?.https, ...https } }),
    });
    setting.setup?.(this.balancer);
  }

  async begin(setting: Setting): Promise<void> {
    if (setting.unix === true) this.#folder = mkdtempSync(join(tmpdir(), 'ms-'));
    const { host = '127.0.0.1' } = setting;
    for (let i = 0; i < (setting.origins ?? 1); i++) {
      const origin = new Origin(i === 0 ? 'origin' : `origin${i + 1}`, this.transcript);
      this.origins.push(origin);
      await origin.listen(this.#folder === null ? { host, port: 0 } : { path: join(this.#folder, `o${i}`) });
      this.balancer.endpoints.add(origin.url);
    }
    const [address] = await this.balancer.listen(
      this.#folder === null ? `${host}:0` : `unix:${join(this.#folder, 'b')}`,
    );
    assert.ok(address !== undefined, 'the balancer says where it listens');
    this.#where = 'path' in address ? { path: address.path } : { host, port: address.port };
  }

  /** The first origin. */
  get origin(): Origin {
    return this.origins[0]!;
  }

  get port(): number {
    return 'port' in this.#where ? this.#where.port : 0;
  }

  /** The first client; {@link connect} gives more. */
  get client(): Client {
    return this.clients[0] ?? this.connect();
  }

  /** `localAddress`: another client than the others, as the balancer sees it. */
  connect(localAddress?: string): Client {
    const where = { ...this.#where, ...(localAddress === undefined ? {} : { localAddress }) };
    const client = new Client(
      this.clients.length === 0 ? 'client' : `client${this.clients.length + 1}`,
      this.#secure
        ? tls.connect({ ...where, rejectUnauthorized: false })
        : net.connect({ ...where, allowHalfOpen: true }),
      this.transcript,
    );
    this.clients.push(client);
    return client;
  }

  /** Waits for something that no byte tells. */
  async until(what: string, met: () => boolean, patience = PATIENCE): Promise<void> {
    if (!(await comesTrue(met, patience))) throw new Error(`expected ${what}; after ${patience} ms still not`);
  }

  async end(settles: boolean): Promise<void> {
    for (const client of this.clients) client.socket.destroy();
    if (settles) {
      await this.until('the balancer to let its clients and requests go', () => {
        const { connections, inFlight, queued } = this.balancer.status();
        return connections === 0 && inFlight === 0 && queued === 0;
      });
    }
    await this.release();
  }

  async release(): Promise<void> {
    for (const client of this.clients) client.socket.destroy();
    for (const origin of this.origins) await origin.close();
    await this.balancer.close({ timeout: 0 });
    if (this.#folder !== null) rmSync(this.#folder, { recursive: true, force: true });
  }
}

/**
 * A test that is a sentence, played between an origin, the balancer and a client over real sockets. Everything is closed afterwards, and
 * a socket that stays open fails the test.
 */
export function wire(sentence: string, play: (stage: Stage) => Promise<void>, setting: Setting = {}): void {
  test(sentence, { timeout: 60_000 }, async () => {
    const before = countSockets();
    const stage = new Stage(setting, setting.secure === true ? await (certificate ??= issue()) : null);
    try {
      await stage.begin(setting);
      await play(stage);
      await stage.end(setting.settles ?? true);
    } catch (error) {
      await stage.release();
      throw withTranscript(error, stage.transcript);
    }
    await noMoreSockets(before, stage.transcript);
  });
}

async function noMoreSockets(before: number, transcript: Transcript): Promise<void> {
  const left = (): number => countSockets() - before;
  if (await comesTrue(() => left() <= 0, PATIENCE)) return;
  throw new Error(`${left()} sockets were left open\n\nWhat happened:\n${transcript}`);
}

function withTranscript(error: unknown, transcript: Transcript): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  const told = new Error(`${error.message}\n\nWhat happened:\n${transcript}\n`);
  told.stack = `${error.name}: ${told.message}\n${(error.stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .join('\n')}`;
  return told;
}
