import type { Discovery } from '../../contracts/discovery.js';
import { MultiserverError } from '../../errors.js';
import { dnsDiscovery, srvDiscovery } from './dns.js';
import { fileDiscovery } from './file.js';

const HOST = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252})$/;

/** The discovery that a URL means: `dns://name:port`, `dns+srv://name`, `file:path`; undefined: it names an endpoint itself. */
export function discoveryByUrl(url: string): Discovery | undefined {
  const [, scheme, rest = ''] = /^(dns\+srv|dns|file):(.*)$/i.exec(url) ?? [];
  switch (scheme?.toLowerCase()) {
    case 'file': {
      const path = rest.replace(/^\/\/(?=\/)/, '');
      if (path === '') throw invalid(url, 'file:PATH');
      return fileDiscovery(path);
    }
    case 'dns': {
      const [, host = '', port = '80'] = /^\/\/([^/:]+)(?::(\d{1,5}))?\/?$/.exec(rest) ?? [];
      if (!HOST.test(host) || Number(port) < 1 || Number(port) > 65_535) throw invalid(url, 'dns://NAME:PORT');
      return dnsDiscovery(host, Number(port));
    }
    case 'dns+srv': {
      const [, service = ''] = /^\/\/([^/:]+)\/?$/.exec(rest) ?? [];
      if (!HOST.test(service)) throw invalid(url, 'dns+srv://_http._tcp.NAME');
      return srvDiscovery(service);
    }
    default:
      return undefined;
  }
}

function invalid(url: string, form: string): MultiserverError {
  return new MultiserverError('MS_INVALID_OPTION', `"${url}" names no endpoints: write ${form}.`);
}
