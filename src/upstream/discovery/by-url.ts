import type { Discovery } from '../../contracts/discovery.js';
import { MultiserverError } from '../../errors.js';
import type { Duration } from '../../util/duration.js';
import { dnsDiscovery, type DnsOptions, srvDiscovery } from './dns.js';
import { fileDiscovery } from './file.js';

const NAME = String.raw`//([A-Za-z0-9_][A-Za-z0-9._-]{0,252})`;
const REFRESH = String.raw`/?(?:\?refresh=(\w+))?$`;
const DNS = new RegExp(`^dns:${NAME}(?::(\\d{1,5}))?${REFRESH}`, 'i');
const SRV = new RegExp(String.raw`^dns\+srv:${NAME}${REFRESH}`, 'i');
const FILE = /^file:(?:\/\/(?=\/))?(.+)$/i;

/**
 * The discovery that a URL means: `dns://name:port`, `dns+srv://name`, both maybe with `?refresh=1s`, or `file:path`; undefined: it names
 * an endpoint itself.
 */
export function discoveryByUrl(url: string): Discovery | undefined {
  const dns = DNS.exec(url);
  const port = Number(dns?.[2] ?? 80);
  if (dns !== null && port > 0 && port < 65_536) return dnsDiscovery(dns[1]!, port, every(dns[3]));
  const srv = SRV.exec(url);
  if (srv !== null) return srvDiscovery(srv[1]!, every(srv[2]));
  const file = FILE.exec(url);
  if (file !== null) return fileDiscovery(file[1]!);
  if (!/^(?:dns|dns\+srv|file):/i.test(url)) return undefined;
  throw new MultiserverError(
    'MS_INVALID_OPTION',
    `"${url}" names no endpoints: write dns://NAME:PORT, dns+srv://_http._tcp.NAME (both may end in ?refresh=5s) or file:PATH.`,
  );
}

function every(refresh: string | undefined): DnsOptions {
  return refresh === undefined ? {} : { refresh: (/^\d+$/.test(refresh) ? Number(refresh) : refresh) as Duration };
}
