import assert from 'node:assert/strict';
import net from 'node:net';
import tls from 'node:tls';
import { LoadBalancer } from 'node-multiserver';
import { Authority } from '../https/authority.js';

/** Balancers in a row before one server. */
export class Chain {
  readonly what: string;
  readonly balancers: LoadBalancer[] = [];
  readonly #length: number;
  readonly #secure: boolean;
  #port = 0;

  constructor(what: string, length: number, secure = false) {
    this.what = what;
    this.#length = length;
    this.#secure = secure;
  }

  /** The client's way in. */
  get url(): string {
    return `${this.#secure ? 'wss' : 'ws'}://127.0.0.1:${this.#port}`;
  }

  async begin(endpoint: string): Promise<void> {
    const https = this.#secure ? await (await Authority.create()).issue({ names: ['127.0.0.1'] }) : null;
    for (let i = 0; i < this.#length; i++) {
      const front = i === this.#length - 1;
      const balancer = new LoadBalancer(front && https !== null ? { https } : {});
      balancer.endpoints.add(i === 0 ? endpoint : `http://127.0.0.1:${this.#port}`);
      const [address] = await balancer.listen('127.0.0.1:0');
      assert.ok(address !== undefined && 'port' in address);
      this.#port = address.port;
      this.balancers.push(balancer);
    }
  }

  connect(): net.Socket {
    const where = { port: this.#port, host: '127.0.0.1', allowHalfOpen: true };
    return this.#secure ? tls.connect({ ...where, rejectUnauthorized: false }) : net.connect(where);
  }

  /** Neither clients nor requests are left in any of them. */
  get isIdle(): boolean {
    return this.balancers.every((balancer) => {
      const { connections, inFlight } = balancer.status();
      return connections === 0 && inFlight === 0;
    });
  }

  async end(): Promise<void> {
    for (const balancer of this.balancers.toReversed()) await balancer.close({ timeout: 0 });
  }
}

/** The ways on which WebSockets are tried. */
export const chains = (): Chain[] => [
  new Chain('one balancer', 1),
  new Chain('two balancers in a row', 2),
  new Chain('TLS and two balancers in a row', 2, true),
];
