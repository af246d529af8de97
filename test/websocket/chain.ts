import assert from 'node:assert/strict';
import net from 'node:net';
import { LoadBalancer } from 'node-multiserver';

/** Balancers in a row before one server. */
export class Chain {
  readonly balancers: LoadBalancer[] = [];
  #port = 0;

  /** The client's way in. */
  get port(): number {
    return this.#port;
  }

  async begin(length: number, endpoint: string): Promise<void> {
    for (let i = 0; i < length; i++) {
      const balancer = new LoadBalancer();
      balancer.endpoints.add(i === 0 ? endpoint : `http://127.0.0.1:${this.#port}`);
      const [address] = await balancer.listen('127.0.0.1:0');
      assert.ok(address !== undefined && 'port' in address);
      this.#port = address.port;
      this.balancers.push(balancer);
    }
  }

  connect(): net.Socket {
    return net.connect({ port: this.#port, host: '127.0.0.1', allowHalfOpen: true });
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
