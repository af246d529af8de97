/** What may lead back to an earlier segment. */
const BACK = /\.\.|%2e/i;

/**
 * How much of this target every server reads in the same way: Infinity, or up to the first percent sign, backslash, fragment, or slash
 * before a dot or empty segment; -1: nothing, since what follows may lead back. See {@link otherReadings}.
 */
export function clearLength(target: string): number {
  let before = 0;
  for (let i = 0; i < target.length; i++) {
    const c = target.charCodeAt(i);
    if (c === QUESTION) break;
    const afterSlash = before === SLASH && (c === SLASH || c === DOT);
    if (c === PERCENT || c === HASH || c === BACKSLASH || afterSlash) {
      if (target.charCodeAt(0) !== SLASH || BACK.test(target)) return -1;
      return afterSlash ? i - 1 : i;
    }
    before = c;
  }
  return Infinity;
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
  const all = decode(raw).replaceAll('\\', '/').split('/');
  for (const [i, segment] of all.entries()) {
    const last = i === all.length - 1;
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

/** A segment as a server may read it; null: to some it is more than one, or none. */
export function otherSegment(segment: string): string | null {
  if (segment === lastSegment) return lastReading;
  const reading = segment.includes('%') ? decode(segment) : segment;
  lastSegment = segment;
  lastReading = isWhole(reading) ? reading : null;
  return lastReading;
}

// One request asks for the same once for each host that could be meant.
let lastSegment = 'x';
let lastReading: string | null = 'x';

function isWhole(segment: string): boolean {
  for (let i = 0; i < segment.length; i++) {
    const c = segment.charCodeAt(i);
    if (c === SLASH || c === BACKSLASH || c === QUESTION || c === HASH) return false;
  }
  return segment !== '' && segment !== '.';
}

/** Octets that are no UTF-8 stay as they are: no own route can name them. */
function decode(path: string): string {
  return decoded(path) ?? path.replace(/(?:%[0-9A-Fa-f]{2})+/g, (octets) => decoded(octets) ?? octets);
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

const HASH = 0x23;
const PERCENT = 0x25;
const DOT = 0x2e;
const SLASH = 0x2f;
const QUESTION = 0x3f;
const BACKSLASH = 0x5c;
