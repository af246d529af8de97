import assert from 'node:assert/strict';
import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Authority } from './authority.js';

const PATIENCE = 180_000;
const RESOLVER_ONLY = ['-http01', '', '-https01', '', '-tlsalpn01', '', '-defaultIPv6', ''];

export interface PebbleSettings {
  /** Where it looks at us. */
  readonly httpPort: number;
  readonly tlsPort?: number;
  /** Seconds that certificates are valid. */
  readonly validity?: number;
  /** How it is made hard to please. */
  readonly env?: Readonly<Record<string, string>>;
  /** Addresses of names that are not at 127.0.0.1. */
  readonly elsewhere?: Readonly<Record<string, string>>;
}

/** Debian's `pebble`, an authority for tests that is as strict as it can be told to be, with a resolver that knows every name. */
export class Pebble {
  readonly directory: string;
  /** Of the authority of its own HTTPS certificate. */
  readonly ca: string;
  readonly #folder: string;
  readonly #args: readonly string[];
  readonly #env: NodeJS.ProcessEnv;
  readonly #management: number;
  readonly #resolver: ChildProcess;
  #child: ChildProcess | undefined;
  #log = '';

  static async start(settings: PebbleSettings): Promise<Pebble> {
    const [listen, management, dns, dnsManagement] = await freePorts(4);
    const authority = await Authority.create();
    const folder = mkdtempSync(join(tmpdir(), 'ms-pebble-'));
    const own = await authority.issue({ names: ['127.0.0.1', 'localhost'] });
    const files = { certificate: join(folder, 'own.crt'), privateKey: join(folder, 'own.key') };
    writeFileSync(files.certificate, own.cert);
    writeFileSync(files.privateKey, own.key);
    const config = {
      listenAddress: `127.0.0.1:${listen}`,
      managementListenAddress: `127.0.0.1:${management}`,
      ...files,
      httpPort: settings.httpPort,
      tlsPort: settings.tlsPort ?? 1,
      certificateValidityPeriod: settings.validity ?? 3600,
    };
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ pebble: config }));
    const addresses = ['-dns01', `127.0.0.1:${dns}`, '-management', `127.0.0.1:${dnsManagement}`];
    const resolver = start('pebble-challtestsrv', [...addresses, ...RESOLVER_ONLY], { stdio: 'ignore' });
    const pebble = new Pebble(folder, authority.cert, resolver, settings.env ?? {}, {
      listen: listen!,
      management: management!,
      dns: dns!,
    });
    try {
      await answers(`http://127.0.0.1:${dnsManagement}/`);
      for (const [host, address] of Object.entries(settings.elsewhere ?? {})) {
        const body = JSON.stringify({ host: `${host}.`, addresses: [address] });
        const { ok } = await fetch(`http://127.0.0.1:${dnsManagement}/add-a`, { method: 'POST', body });
        assert.ok(ok);
      }
      await pebble.revive();
      return pebble;
    } catch (error) {
      await pebble.end();
      throw error;
    }
  }

  private constructor(
    folder: string,
    ca: string,
    resolver: ChildProcess,
    env: Readonly<Record<string, string>>,
    ports: { listen: number; management: number; dns: number },
  ) {
    this.#folder = folder;
    this.#resolver = resolver;
    this.#env = { ...process.env, PEBBLE_VA_NOSLEEP: '1', ...env };
    this.#args = ['-strict', '-config', join(folder, 'config.json'), '-dnsserver', `127.0.0.1:${ports.dns}`];
    this.#management = ports.management;
    this.directory = `https://127.0.0.1:${ports.listen}/dir`;
    this.ca = ca;
  }

  /** Starts it again, with accounts, orders and root all forgotten. */
  async revive(): Promise<void> {
    const child = start('pebble', this.#args, { env: this.#env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) {
      stream!.setEncoding('utf8').on('data', (text: string) => (this.#log += text));
    }
    this.#child = child;
    const gone = once(child, 'exit').then(() => assert.fail(`pebble ended: ${this.#log}`));
    gone.catch(() => {});
    await Promise.race([this.#get('/roots/0'), gone]);
  }

  /** The root of what it issues, as PEM. */
  root(): Promise<string> {
    return this.#get('/roots/0');
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  async end(): Promise<void> {
    await this.kill();
    this.#resolver.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #get(path: string): Promise<string> {
    const url = `https://127.0.0.1:${this.#management}${path}`;
    return until(() => getText(url, this.ca));
  }
}

/** Ends with us, even if we are killed. */
function start(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  return spawn('setpriv', ['--pdeathsig', 'KILL', command, ...args], options);
}

function getText(url: string, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = get(url, { ca, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      response.on('end', () => resolve(text)).on('error', reject);
    });
    call.on('error', reject);
  });
}

async function answers(url: string): Promise<void> {
  await until(() => fetch(url));
}

/** Tries until it works. */
export async function until<T>(attempt: () => T | Promise<T>): Promise<T> {
  const end = Date.now() + PATIENCE;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > end) throw error;
    }
    await sleep(50);
  }
}

/** Below those that the kernel gives to clients, so that none of these takes one before it is used. */
const FIRST_PORT = 20_000;
const LAST_PORT = 31_999;
/** Each process begins elsewhere, and takes none twice: between the look and the use there may be seconds. */
let nextPort = FIRST_PORT + (process.pid % 120) * 100;

/** Different ones, which nobody listens on at this moment. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = nextPort;
    nextPort = port < LAST_PORT ? port + 1 : FIRST_PORT;
    const server = createServer();
    const listening = once(server.listen(port, '127.0.0.1'), 'listening');
    if (!(await listening.then(() => true).catch(() => false))) continue;
    ports.push(port);
    await once(server.close(), 'close');
  }
  return ports;
}
