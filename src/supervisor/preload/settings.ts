/** Names the environment variable that carries the settings to the preload; the app never sees it. */
export const LINK_VARIABLE = 'MULTISERVER_LINK';

/** The link is this descriptor in a worker. */
export const LINK_DESCRIPTOR = 3;

/** The field in which the balancer tells its own workers of the client: `<proto>;<address>;<port>;<local port>`. */
export const CLIENT_FIELD = 'x-multiserver-client';

export interface PreloadSettings {
  /** Process id of the supervisor: whoever is not its child (a grandchild that inherited the flags) leaves all alone. */
  readonly supervisor: number;
  /** Where the app's server is bound. */
  readonly path: string;
  readonly publicPort: number | null;
  /** How often the supervisor wants to hear of it, ms. */
  readonly beatInterval: number;
}
