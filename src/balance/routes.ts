import { MultiserverError } from '../errors.js';
import { clearLength, otherReadings, otherSegment } from '../util/path-readings.js';

export interface RouteRule {
  /** `example.com`, or `*.example.com` for all names below it. Without it: any host. */
  readonly host?: string;
  /** `/api/*`, the same as `/api`: this path and all below it. Without it: any path. */
  readonly path?: string;
}

/** A name or an IPv6 address, without a port. */
const HOST = /^(?:\*\.)?(?:\[[0-9a-f:.]+\]|(?:[^*/:.\s]+\.)*[^*/:.\s]+\.?)$/i;

/** Paths as a tree of segments: each octet of a request's path is read once, and no further than rules go. */
interface PathNode<R> {
  rule: R | undefined;
  children: Map<string, PathNode<R>> | null;
}

/**
 * Which rule a request follows, by its raw head. The most particular host decides first (exact, then the longest wildcard, then any),
 * then the longest path; when no rule of the more particular host fits the path, the less particular ones are asked.
 */
export class Routes<R extends RouteRule> {
  readonly #exact = new Map<string, PathNode<R>>();
  /** By the part behind `*`, with its leading dot. */
  readonly #below = new Map<string, PathNode<R>>();
  readonly #any: PathNode<R> = { rule: undefined, children: null };
  /** Of all paths, which are ASCII, and those that could end a segment. */
  readonly #octets = new Set([SLASH, QUESTION, BACKSLASH]);
  /** Dots in the longest of them: names with a thousand labels cost no more. */
  #mostDots = 0;

  constructor(rules: readonly R[]) {
    for (const rule of rules) this.#add(rule);
  }

  /** Null: the path can be read in more than one way, and not all of them mean the same rule. */
  match(authority: string, target: string): R | undefined | null {
    const clear = clearLength(target);
    const rule = this.#find(authority, target, this.#stopsAt(target, clear) ? Infinity : clear);
    if (rule !== null) return rule;
    const [first, ...others] = otherReadings(target).map((reading) => this.#find(authority, reading, Infinity));
    return others.every((other) => other === first) ? first : null;
  }

  /** An octet is escaped there that no rule names: in no reading does its segment, or what follows, lead on to a rule. */
  #stopsAt(target: string, at: number): boolean {
    if (target.charCodeAt(at) !== PERCENT || this.#octets.has(PERCENT)) return false;
    return !this.#octets.has(Number.parseInt(target.slice(at + 1, at + 3), 16));
  }

  /** Null: what follows after `clear` octets must be looked at in all its readings. */
  #find(authority: string, target: string, clear: number): R | undefined | null {
    if (this.#exact.size > 0 || this.#below.size > 0) {
      const host = hostOf(authority);
      const exact = this.#exact.get(host);
      let rule = exact && find(exact, target, clear);
      if (rule === undefined && this.#below.size > 0) rule = this.#findBelow(host, target, clear);
      if (rule !== undefined) return rule;
    }
    return find(this.#any, target, clear);
  }

  #findBelow(host: string, target: string, clear: number): R | undefined | null {
    let at = host.length;
    for (let dots = this.#mostDots; dots > 0 && at > 0; dots--) at = host.lastIndexOf('.', at - 1);
    if (at < 0) at = host.indexOf('.');
    // A name of one label before the dot at least: `.example.com` is not below anything.
    if (at === 0) at = host.indexOf('.', 1);
    for (; at > 0; at = host.indexOf('.', at + 1)) {
      const below = this.#below.get(host.slice(at));
      const rule = below && find(below, target, clear);
      if (rule !== undefined) return rule;
    }
    return undefined;
  }

  #add(rule: R): void {
    const node = insert(this.#rootOf(rule.host), segmentsOf(rule.path));
    if (node.rule !== undefined) throw invalid(`the rule for ${describe(rule)} is there twice`);
    node.rule = rule;
    for (const character of rule.path ?? '') this.#octets.add(character.charCodeAt(0));
  }

  #rootOf(host: string | undefined): PathNode<R> {
    if (host === undefined || host === '*') return this.#any;
    if (!HOST.test(host)) throw invalid(`"${host}" is not a host, or "*." and a host`);
    const wildcard = host.startsWith('*.');
    const name = hostOf(wildcard ? host.slice(1) : host);
    if (wildcard) this.#mostDots = Math.max(this.#mostDots, name.split('.').length - 1);
    const roots = wildcard ? this.#below : this.#exact;
    let root = roots.get(name);
    if (root === undefined) roots.set(name, (root = { rule: undefined, children: null }));
    return root;
  }
}

function find<R>(root: PathNode<R>, target: string, clear: number): R | undefined | null {
  let node = root;
  let { rule } = root;
  if (root.children === null) return rule;
  if (clear < 0) return null;
  if (target.charCodeAt(0) !== SLASH) return rule;
  let end = target.length;
  for (let i = 1; i <= end; i++) {
    const start = i;
    for (; i < end; i++) {
      const code = target.charCodeAt(i);
      if (code === SLASH) break;
      if (code === QUESTION) {
        end = i;
        break;
      }
    }
    const segment = target.slice(start, i);
    const child: PathNode<R> | undefined = node.children!.get(segment);
    if (i > clear) {
      const other = otherSegment(segment);
      if (other === null || node.children!.get(other) !== child) return null;
    }
    if (child === undefined) return rule;
    node = child;
    rule = node.rule ?? rule;
    if (node.children === null) return rule;
  }
  return rule;
}

function insert<R>(root: PathNode<R>, segments: readonly string[]): PathNode<R> {
  let node = root;
  for (const segment of segments) {
    node.children ??= new Map();
    let child = node.children.get(segment);
    if (child === undefined) node.children.set(segment, (child = { rule: undefined, children: null }));
    node = child;
  }
  return node;
}

function segmentsOf(path: string | undefined): string[] {
  if (path === undefined) return [];
  const prefix = path.replace(/\/\*?$/, '');
  if (!path.startsWith('/') || !/^[!-~]*$/.test(prefix) || /[*?#]/.test(prefix))
    throw invalid(`"${path}" is not a path, or a path and "/*"`);
  return prefix === '' ? [] : prefix.slice(1).split('/');
}

/** Lower case, without the port and the dot at the end. */
function hostOf(authority: string): string {
  const port = authority.lastIndexOf(':');
  let host = port > authority.lastIndexOf(']') ? authority.slice(0, port) : authority;
  if (host.endsWith('.')) host = host.slice(0, -1);
  return host.toLowerCase();
}

function describe({ host = '*', path = '/*' }: RouteRule): string {
  return `host "${host}" and path "${path}"`;
}

function invalid(message: string): MultiserverError {
  return new MultiserverError('MS_INVALID_OPTION', `Option "routes": ${message}.`);
}

const PERCENT = 0x25;
const SLASH = 0x2f;
const QUESTION = 0x3f;
const BACKSLASH = 0x5c;
