/**
 * What stands for one client where addresses are counted: of IPv6 the network (/64), since each client has one of its own with more
 * addresses than could ever be counted; of IPv4 the address.
 */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  return groupsOf(address)
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, '').toLowerCase() || '0')
    .join(':');
}

/** The eight groups of an IPv6 address that is written without dots. */
export function groupsOf(address: string): string[] {
  const gap = address.indexOf('::');
  if (gap < 0) return address.split(':');
  const front = address.slice(0, gap).split(':');
  const back = address.slice(gap + 2).split(':');
  return [...front, ...Array<string>(Math.max(0, 8 - front.length - back.length)).fill('0'), ...back];
}

/** An IPv4 client of a dual-stack socket is an IPv4 client (RFC 4291 §2.5.5.2), however its address is written. */
export function unmapped(address: string): string {
  const [, dotted, high, low] = /^::ffff:(?:([\d.]+)|([\da-f]{1,4}):([\da-f]{1,4}))$/i.exec(address) ?? [];
  if (dotted !== undefined) return dotted;
  return high === undefined || low === undefined ? address : [...octetsOf(high), ...octetsOf(low)].join('.');
}

function octetsOf(group: string): number[] {
  const value = Number.parseInt(group, 16);
  return [value >> 8, value & 0xff];
}
