/** Percent signs, backslashes, fragments, dot or empty segments in the path. */
const UNCLEAR = /^[^?]*?(?:[%#\\]|\/[/.])/;

/** Whether a server may read the path of this target in another way than as it is, see {@link otherReadings}. */
export function isUnclear(target: string): boolean {
  return UNCLEAR.test(target);
}

/**
 * Ways in which a server behind the balancer may read a path that is not plain: as it is, or decoded, with backslashes as slashes, without
 * empty and dot segments. Hono's reading is a third. A guard among the balancer's own routes must not be walked around by a path that it
 * does not recognise and the endpoint does.
 */
export function otherReadings(target: string): string[] {
  const query = target.indexOf('?');
  const raw = query < 0 ? target : target.slice(0, query);
  const segments: string[] = [];
  const decoded = decode(raw).replaceAll('\\', '/').split('/');
  for (const [i, segment] of decoded.entries()) {
    const last = i === decoded.length - 1;
    if (segment === '..') segments.pop();
    else if (segment !== '.' && (segment !== '' || last)) segments.push(segment);
    if (last && (segment === '.' || segment === '..')) segments.push('');
  }
  const plain = '/' + segments.join('/');
  const fragment = raw.indexOf('#');
  const readings = [raw, plain];
  if (fragment >= 0) readings.push(raw.slice(0, fragment));
  return readings;
}

/** Octets that are no UTF-8 stay as they are: no own route can name them. */
function decode(path: string): string {
  return path.replace(/(?:%[0-9A-Fa-f]{2})+/g, (escaped) => {
    try {
      return decodeURIComponent(escaped);
    } catch {
      return escaped;
    }
  });
}
