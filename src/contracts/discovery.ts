/** A server that a discovery has found. */
export interface DiscoveredEndpoint {
  /** `http://host:port`, with an address rather than a name, so that it is known again. */
  readonly url: string;
  /** Relative share of the traffic, > 0. Default 1. */
  readonly weight?: number | undefined;
  /** Those of a higher number get traffic only when none of a lower one can take it. Default 0. */
  readonly priority?: number | undefined;
}

/**
 * Finds the endpoints of a pool, and finds out when they change.
 *
 * Whoever uses it keeps the last good set: what fails to be found, and a set without any endpoint, change nothing.
 */
export interface Discovery {
  /** For people: `dns://api.internal:8080`. */
  readonly name: string;
  /**
   * Begins; called once. `onChange` gets each time the whole set, at once or later, also when nothing has changed; when a part of it could
   * not be found, what is there or was last known, and in `missing` why. `onProblem` is told when nothing could be found out, each time
   * that is so. Neither is called after {@link stop}.
   */
  start(
    onChange: (endpoints: readonly DiscoveredEndpoint[], missing?: Error) => void,
    onProblem: (error: Error) => void,
  ): void;
  /** Ends it: no timers, sockets or watchers stay. */
  stop(): void;
}
