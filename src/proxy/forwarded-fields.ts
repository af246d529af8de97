import { isIP } from 'node:net';
import { unmapped } from '../util/network.js';

/** Members of a comma-separated list without quoted strings; empty ones stay, so that lists kept in step remain so. */
export function splitList(value: string): string[] {
  return value === '' ? [] : value.split(',').map((member) => member.trim());
}

/** The bare address in a hop as proxies write it: `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]:80`, `::ffff:192.0.2.1`, `fe80::1%eth0`. */
export function plainAddress(hop: string): string {
  let address = hop;
  if (address.startsWith('[')) {
    const end = address.indexOf(']');
    if (end < 0 || !/^(?::\d{1,5})?$/.test(address.slice(end + 1))) return '';
    address = address.slice(1, end);
    if (isIP(address) !== 6) return '';
  } else if (isIP(address) === 0) {
    const colon = address.indexOf(':');
    if (colon < 0 || !/^\d{1,5}$/.test(address.slice(colon + 1))) return address;
    address = address.slice(0, colon);
  }
  const zone = address.indexOf('%');
  if (zone >= 0) address = address.slice(0, zone);
  return unmapped(address);
}

export interface ForwardedElement {
  for: string;
  proto: string;
  host: string;
}

/** A pair of RFC 7239 §4, the comma or semicolon that ends it in the third group. */
const PAIR = /[\t ]*(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)=([!#$%&'*+.^_`|~0-9A-Za-z-]+|"(?:[^"\\]|\\.)*")[\t ]*)?(,|;|$)/y;

/** Elements of a Forwarded field; none when any of it is not valid, for then it is not known where its elements begin. */
export function parseForwarded(value: string): ForwardedElement[] {
  const elements: ForwardedElement[] = [{ for: '', proto: '', host: '' }];
  PAIR.lastIndex = 0;
  for (;;) {
    const match = PAIR.exec(value);
    if (match === null) return [];
    const [, name, raw, end] = match;
    if (name !== undefined && raw !== undefined) {
      const text = raw.startsWith('"') ? raw.slice(1, -1).replace(/\\(.)/g, '$1') : raw;
      const key = name.toLowerCase();
      const element = elements.at(-1)!;
      if (key === 'for' || key === 'proto' || key === 'host') element[key] = text;
    }
    if (end === ',') elements.push({ for: '', proto: '', host: '' });
    else if (end === '') return elements;
  }
}
