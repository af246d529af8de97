import type { OnReadOpts, Socket } from 'node:net';
import type { MultiserverError } from '../errors.js';
import type { Head } from '../exchange.js';
import type { LimitHits } from '../util/limits.js';
import type { ClientConnection } from './client-connection.js';
import type { HeadLimits } from './head-parser.js';
import type { RepeatedHeads } from './repeated-fields.js';

/** Hears of one request sent over a {@link ClientConnection}. After `onResponseEnd` or `onResponseError` nothing more is called. */
export interface ResponseHandler {
  /** The connection is there; not called when it was there already. */
  onConnected(): void;
  onInterim(status: number, head: Head): void;
  onResponseHead(status: number, reason: string, head: Head, body: number, length: number): void;
  /** A piece of the body, valid only during the call. False: pause until {@link ClientConnection.resume}. */
  onResponseData(chunk: Buffer): boolean;
  onResponseEnd(trailers: Head | null): void;
  onResponseError(error: MultiserverError): void;
  onRequestDrain(): void;
}

/** What a connection to an endpoint needs to know; times in ms. */
export interface ClientSettings extends HeadLimits {
  readonly connectTimeout: number;
  readonly responseTimeout: number;
  readonly responseIdleTimeout: number;
  readonly tunnelIdleTimeout: number;
  readonly hits: LimitHits;
  readonly repeated?: RepeatedHeads;
  readonly now: () => number;
  /** May be used for another request. */
  onIdle(connection: ClientConnection): void;
  onClose(connection: ClientConnection): void;
}

/** Makes a connection that hands what it reads to `onread`. */
export type Dial = (onread: OnReadOpts) => Socket;
