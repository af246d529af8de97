import type { DiscoveredEndpoint, Discovery } from '../../contracts/discovery.js';

/** A list that never changes. */
export function staticDiscovery(endpoints: readonly DiscoveredEndpoint[]): Discovery {
  return {
    name: endpoints.map(({ url }) => url).join(', '),
    start: (onChange) => onChange(endpoints),
    stop: () => {},
  };
}
