import { MultiserverError, type Endpoint, type LoadBalancer } from '../index.js';

/** What `drain`, `maintenance` and `resume` answer. */
export interface ChangedEndpoint {
  readonly id: string;
  readonly pool: string;
  readonly state: string;
  readonly inFlight: number;
}

const byNumber = new Intl.Collator('en', { numeric: true }).compare;

type Change = 'drain' | 'maintenance' | 'resume';

/** Changes an endpoint in each pool that has it: a server that is taken out is taken out of all. */
export function changeEndpoint(balancer: LoadBalancer, how: Change, asked: unknown): ChangedEndpoint[] {
  const candidates = idsOf(String(asked));
  const found = [...balancer.pools].flatMap(({ name, endpoints }) => {
    const id = candidates.find(
      (one) => endpoints.find(one) !== undefined || (how !== 'drain' && endpoints.isDown(one)),
    );
    return id === undefined ? [] : [{ pool: name, endpoints, id }];
  });
  if (found.length === 0) {
    const ids = new Set(
      [...balancer.pools].flatMap(({ endpoints }) => Array.from(endpoints, ({ id }: Endpoint) => id)),
    );
    const known = [...ids].toSorted(byNumber).join(', ') || 'none';
    throw new MultiserverError('MS_INVALID_OPTION', `There is no endpoint "${String(asked)}"; there are: ${known}.`);
  }
  return found.map(({ pool, endpoints, id }) => {
    endpoints[how](id);
    const down = { state: how === 'maintenance' ? how : 'starting', inFlight: 0 };
    const { state, inFlight } = endpoints.find(id) ?? down;
    return { id, pool, state, inFlight };
  });
}

/** `0` is short for `worker:0`, `2.0` for `worker:2.0`, and `10.0.0.7:8080` for `http://10.0.0.7:8080`. */
function idsOf(asked: string): string[] {
  return /^(\d+\.)?\d+$/.test(asked) ? [`worker:${asked}`] : [asked, `http://${asked}`, `https://${asked}`];
}
