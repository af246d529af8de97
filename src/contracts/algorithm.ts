/** What an algorithm sees of an endpoint. Values are live: read them, never keep them. */
export interface EndpointView {
  /**
   * Stable identity: the URL of an endpoint added by address, `worker:<slot>` of an own worker (survives its restart;
   * `worker:2.<slot>` where it is of the second app that was spawned).
   */
  readonly id: string;
  /** Small whole number, unique in its pool while it is there, used again after it has gone: lets algorithms keep what they know in arrays. */
  readonly index: number;
  /** Relative share of the traffic, > 0; slow start is already in it. Default 1. */
  readonly weight: number;
  /** Requests sent to it and not yet fully answered, long-lived ones included. */
  readonly inFlight: number;
  /** Milliseconds on the balancer's clock since which requests wait for its answers and none has come; Infinity: none waits. */
  readonly silentSince: number;
  /** Milliseconds on the balancer's clock since which it is ready. */
  readonly readySince: number;
}

/** What an algorithm sees of a request. */
export interface RequestView {
  readonly method: string;
  /** Path and query as received, `*` for `OPTIONS *`. */
  readonly target: string;
  /** Host and port the client asked for. */
  readonly authority: string;
  readonly clientAddress: string;
  /** The client speaks TLS, to the balancer or to a trusted proxy before it. */
  readonly secure?: boolean;
  /** Value of the first field of that name (any case), or undefined. */
  header(name: string): string | undefined;
}

/** What of a request tells it from others, for stickiness and limits; a function may return undefined for "nothing". */
export type KeyBy =
  | 'ip'
  | 'path'
  | 'sid'
  | `header:${string}`
  | `cookie:${string}`
  | ((request: RequestView) => string | undefined);

/** How one attempt at an endpoint ended. */
export interface Outcome {
  /** Status of the endpoint's answer; 0 when there was none. */
  readonly status: number;
  /** Milliseconds from the request's sending, whole, to the first byte of the answer; -1 when there was none, or it came before that. */
  readonly firstByte: number;
  /** When there was no first byte: milliseconds until the attempt was given up, by a time-out or by the client. */
  readonly waited?: number;
  /** The attempt failed in a way that counts against the endpoint (connect error, reset, time-out, invalid answer). */
  readonly failed: boolean;
  /** A tunnel or an event stream: in flight, but no sample of latency. */
  readonly longLived: boolean;
  /** Seconds of the answer's Retry-After, or -1. */
  readonly retryAfter: number;
}

/**
 * Chooses the endpoint of each request.
 *
 * `pick` is called once an attempt, synchronously, with at least one candidate: only endpoints that are available and were not yet
 * tried for this request. It must do no I/O, must not keep or change the list, and should take at most a microsecond for 16 candidates.
 * Returning undefined means that none of them should get the request; it then waits or is answered with 503.
 */
export interface Algorithm<E extends EndpointView = EndpointView> {
  readonly name?: string;
  pick(candidates: readonly E[], request: RequestView): E | undefined;
  /** The set of endpoints changed (added, removed, other weight); called before the next `pick`. */
  onEndpoints?(endpoints: readonly E[]): void;
  /**
   * An attempt has ended; called once for each `pick` whose endpoint was tried and is still in the pool. After the algorithm was
   * changed the new one also hears of attempts that the old one chose. The outcome object is used again: read it during the call.
   */
  onResult?(endpoint: E, outcome: Outcome): void;
  /** Called before the head of the endpoint's answer is sent: the value of a `Set-Cookie` field to add to it, if any. */
  onReply?(endpoint: E, request: RequestView): string | undefined;
}

/** Handed to algorithms that need them, so that every distribution can be tested exactly. */
export interface Sources {
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** A user's own algorithm as a class, for instance a subclass of one of the package's. */
export type AlgorithmClass = new (sources: Sources) => Algorithm;

/** A user's own algorithm: an object, its class, or just its `pick`. Named constants such as `ROUND_ROBIN` are factories with a name. */
export type AlgorithmLike = Algorithm | Algorithm['pick'] | AlgorithmClass | AlgorithmFactory;

export interface AlgorithmFactory {
  /** Kebab-case name, as on the command line. */
  readonly algorithm: string;
  /** One for the pool of that name. `report` is told of faults of users' own algorithms within it; they cost no request. */
  create(sources: Sources, report: ReportProblem, pool: string): Algorithm;
}

export type ReportProblem = (message: string, error?: unknown) => void;
