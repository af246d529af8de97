import { isIPv6 } from 'node:net';
import type { Context } from 'hono';
import type { ConnInfo } from 'hono/conninfo';
import type { Exchange } from '../exchange.js';

/** What own routes and middleware find in `c.env`. */
export interface Bindings {
  /** The request and its answer as the balancer sees them. */
  readonly exchange: Exchange;
  /** The client: what trusted proxies said of it, else the peer of the connection. */
  readonly client: ClientBinding;
  /** The client once more, where helpers written for `@hono/node-server` look for it. */
  readonly incoming: { readonly socket: SocketBinding };
}

export interface ClientBinding {
  readonly address: string;
  /** 0 when a trusted proxy is in between: it does not say. */
  readonly port: number;
  readonly encrypted: boolean;
}

export interface SocketBinding {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly remoteFamily: 'IPv4' | 'IPv6';
  readonly localAddress: string;
  readonly localPort: number;
  readonly encrypted: boolean;
}

export function bindingsOf(exchange: Exchange): Bindings {
  const { client: peer, clientAddress: address, forwarded } = exchange;
  const port = forwarded === null || forwarded.chain.length === 0 ? peer.port : 0;
  const encrypted = exchange.secure;
  const { localAddress, localPort } = peer;
  const remoteFamily = isIPv6(address) ? 'IPv6' : 'IPv4';
  return {
    exchange,
    client: { address, port, encrypted },
    incoming: {
      socket: { remoteAddress: address, remotePort: port, remoteFamily, localAddress, localPort, encrypted },
    },
  };
}

/** Hono's ConnInfo helper for the balancer: who sent this request. */
export function getConnInfo(c: Context): ConnInfo {
  const { remoteAddress, remotePort, remoteFamily } = (c.env as Bindings).incoming.socket;
  return { remote: { address: remoteAddress, addressType: remoteFamily, port: remotePort, transport: 'tcp' } };
}
