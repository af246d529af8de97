import type { LoadBalancer } from '../load-balancer.js';
import type { LoadBalancerOptions, SpawnOptions } from '../options.js';

/** What `multiserver.config.ts` exports by default: the options of the balancer, and what else the command line takes. */
export interface MultiserverConfig extends LoadBalancerOptions {
  /** What `start` runs: the file or folder of a Node app, or a command and its arguments. */
  app?: string | readonly string[] | undefined;
  /** How it is run. */
  spawn?: SpawnOptions | undefined;
  /** Ports, or addresses such as `'127.0.0.1:3000'`, `'unix:/path'`, `'fd:3'`; without one, where the app asks to. */
  listen?: number | string | readonly (number | string)[] | undefined;
  /** Name of the instance. */
  name?: string | undefined;
  /** Form of the log; without it, pretty in a terminal and JSON lines elsewhere. */
  logFormat?: 'pretty' | 'json' | undefined;
  /** Only warnings, errors and what workers write. */
  quiet?: boolean | undefined;
  /** Start the workers anew when a source file changes. */
  watch?: boolean | undefined;
  /** Own routes, middleware, listeners of events: called before anything is started. */
  setup?: ((balancer: LoadBalancer) => void | Promise<void>) | undefined;
}

/** Gives `config` as it is; editors know from it what may be in there. */
export function defineConfig(config: MultiserverConfig): MultiserverConfig {
  return config;
}
