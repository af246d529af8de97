import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Answer } from './dns-server.js';

const PREFIX = `ms${process.pid % 100_000}`;
const HTTP = `
const [address, name] = process.argv.slice(1);
require('node:http').createServer((_, response) => response.end(name)).listen(8080, address);
`;

function ip(...args: string[]): void {
  const { status, stderr, error } = spawnSync('ip', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${error?.message ?? stderr}`);
}

/** Why there can be no {@link Lan} here; false: there can. */
export function cannotHaveHosts(): string | false {
  const probe = `${PREFIX}probe`;
  try {
    ip('netns', 'add', probe);
    try {
      ip('-n', probe, 'link', 'add', 'br0', 'type', 'bridge');
      ip('netns', 'exec', probe, 'true');
    } finally {
      ip('netns', 'del', probe);
    }
    return false;
  } catch (error) {
    return `network namespaces are not to be had here (they need root and iproute2): ${(error as Error).message.trim()}`;
  }
}

/** A machine of its own, as far as the network goes. */
export class Host {
  readonly name: string;
  readonly address: string;
  readonly namespace: string;
  #server: ChildProcess | null = null;

  constructor(name: string, address: string) {
    this.name = name;
    this.address = address;
    this.namespace = `${PREFIX}${name}`;
  }

  /** Starts its web server, which answers with the host's name on port 8080. */
  serve(): void {
    this.#server = this.spawn(process.execPath, '-e', HTTP, this.address, this.name);
  }

  async crash(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null || !server.kill('SIGKILL')) return;
    await once(server, 'exit');
  }

  /** Pulls the cable: nothing answers, nothing refuses. */
  cut(): void {
    ip('-n', this.namespace, 'link', 'set', 'eth0', 'down');
  }

  plugIn(): void {
    ip('-n', this.namespace, 'link', 'set', 'eth0', 'up');
  }

  spawn(command: string, ...args: string[]): ChildProcess {
    return spawn('ip', ['netns', 'exec', this.namespace, command, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  }
}

/** Hosts on one wire, and before them one whose resolver asks a DNS server of ours. */
export class Lan {
  readonly hosts: readonly Host[];
  /** Where the balancer runs. */
  readonly front: Host;
  readonly #wire = `${PREFIX}wire`;
  #dns: ChildProcess | null = null;

  constructor(...names: string[]) {
    this.front = new Host('front', '10.99.0.1');
    this.hosts = names.map((name, i) => new Host(name, `10.99.0.${i + 2}`));
  }

  async open(): Promise<void> {
    ip('netns', 'add', this.#wire);
    ip('-n', this.#wire, 'link', 'add', 'br0', 'type', 'bridge');
    ip('-n', this.#wire, 'link', 'set', 'br0', 'up');
    for (const [i, { namespace, address }] of [this.front, ...this.hosts].entries()) {
      ip('netns', 'add', namespace);
      ip('-n', namespace, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', `port${i}`, 'netns', this.#wire);
      ip('-n', this.#wire, 'link', 'set', `port${i}`, 'master', 'br0', 'up');
      ip('-n', namespace, 'addr', 'add', `${address}/24`, 'dev', 'eth0');
      ip('-n', namespace, 'link', 'set', 'eth0', 'up');
      ip('-n', namespace, 'link', 'set', 'lo', 'up');
    }
    // What is in this folder stands in /etc for the processes of the namespace.
    const etc = `/etc/netns/${this.front.namespace}`;
    mkdirSync(etc, { recursive: true });
    writeFileSync(`${etc}/resolv.conf`, 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n');
    this.#dns = fork(fileURLToPath(new URL('dns-process.js', import.meta.url)), {
      execPath: 'ip',
      execArgv: ['netns', 'exec', this.front.namespace, process.execPath],
    });
    await once(this.#dns, 'message');
  }

  /** What the DNS server answers from now on. */
  async resolve(name: string, answer: Answer): Promise<void> {
    this.#dns!.send({ name, answer });
    await once(this.#dns!, 'message');
  }

  async close(): Promise<void> {
    for (const host of this.hosts) await host.crash();
    if (this.#dns?.kill()) await once(this.#dns, 'exit');
    for (const namespace of [this.#wire, this.front.namespace, ...this.hosts.map((host) => host.namespace)]) {
      spawnSync('ip', ['netns', 'del', namespace]);
    }
    rmSync(`/etc/netns/${this.front.namespace}`, { recursive: true, force: true });
  }
}
