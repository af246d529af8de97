import type { Endpoint } from '../balance/endpoint.js';
import type { Admission } from '../balance/limits/admission.js';
import type { RetryBudget } from '../balance/limits/retry-budget.js';
import type { Pool } from '../balance/pool.js';
import type { MultiserverError } from '../errors.js';
import type { ClientInfo, Exchange, Reply } from '../exchange.js';
import type { ClientConnection } from '../http1/client-connection.js';
import type { ResponseHandler } from '../http1/client-settings.js';
import type { LimitHits } from '../util/limits.js';
import type { EngineSessions } from './engine-sessions.js';
import type { ForwardSettings } from './forward-headers.js';
import type { LastingReplies } from './lasting-replies.js';

/** What the exchanges of a pool share. */
export interface ForwardingContext extends ForwardSettings {
  readonly pool: Pool;
  readonly admission: Admission;
  readonly budget: RetryBudget;
  readonly lasting: LastingReplies;
  readonly sessions: EngineSessions;
  readonly maxRetries: number;
  readonly retryStatuses: readonly number[];
  readonly retryIdempotencyKey: boolean;
  /** Octets of a request body that are kept so that it can be sent again. */
  readonly maxReplay: number;
  readonly hits: LimitHits;
  readonly now: () => number;
  readonly random: () => number;
  /** `fresh`: one that was not used before. */
  readonly acquire: (
    endpoint: Endpoint,
    handler: ResponseHandler,
    client: ClientInfo,
    fresh: boolean,
  ) => ClientConnection;
  /** An attempt failed by what an endpoint did, or did not; another may still answer. Of own workers that died only their end is told. */
  readonly onFault: (endpoint: Endpoint, error: MultiserverError) => void;
  /** No answer could be had: a fallback, or an error answer. */
  readonly onFailed: (exchange: Exchange, reply: Reply, error: MultiserverError) => void;
}
