import type { MultiserverError } from '../errors.js';
import type { LimitHits } from '../util/limits.js';
import type { PaceSettings } from './body-pace.js';
import type { HeadLimits } from './head-parser.js';
import type { ServerConnection } from './server-connection.js';
import type { ServerExchange } from './server-exchange.js';

/** What an HTTP/1.x front needs to know; times in ms. */
export interface ServerSettings extends HeadLimits, PaceSettings {
  readonly headTimeout: number;
  readonly writeTimeout: number;
  readonly keepAliveTimeout: number;
  readonly maxRequestsPerConnection: number;
  readonly maxBodySize: number;
  readonly hits: LimitHits;
  /** A request has come; its body may follow. */
  onExchange(exchange: ServerExchange): void;
  /** The request is refused, or the exchange has failed before its answer: answer it. */
  onRefused(exchange: ServerExchange, error: MultiserverError): void;
  /** The answer has left, or the client is gone. */
  onExchangeEnd(exchange: ServerExchange): void;
  onClose(connection: ServerConnection): void;
}
