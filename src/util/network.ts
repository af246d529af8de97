/**
 * What stands for one client where addresses are counted: of IPv6 the network (/64), since each client has one of its own with more
 * addresses than could ever be counted; of IPv4 the address.
 */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const gap = address.indexOf('::');
  const front = (gap < 0 ? address : address.slice(0, gap)).split(':');
  const back = gap < 0 ? [] : address.slice(gap + 2).split(':');
  const groups = [...front, ...Array<string>(Math.max(0, 8 - front.length - back.length)).fill('0'), ...back];
  return groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, '').toLowerCase() || '0')
    .join(':');
}
