import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { otherReadings } from '../util/path-readings.js';
import { SEED } from './fixtures.test.js';
import { type RouteRule, Routes } from './routes.js';

test('a path rule covers its path and all below it, at a boundary of segments, whatever is in the query', () => {
  for (const path of ['/api', '/api/', '/api/*']) {
    const routes = new Routes([{ path }]);
    for (const target of ['/api', '/api/', '/api/x/y', '/api?x=1', '/api/?/', '/api//'])
      assert.ok(routes.match('', target), target);
    for (const target of ['/', '/apix', '/ap', '/x/api', '/API', '/?/api', '*', ''])
      assert.equal(routes.match('', target), undefined, target);
    for (const target of ['//api', '/%61pi', '/api/../x', '/x%2f..%2fapi', '\\api'])
      assert.equal(routes.match('', target), null, target);
  }
});

test('the longest path wins', () => {
  const routes = new Routes([{ path: '/a' }, { path: '/a/b/c' }, { path: '/*' }]);
  const paths = ['/a/b/c/d', '/a/b/c', '/a/b', '/a/b/cd', '/a', '/b', '/', '*'];
  assert.deepEqual(
    paths.map((target) => routes.match('h', target)?.path),
    ['/a/b/c', '/a/b/c', '/a', '/a', '/a', '/*', '/*', '/*'],
  );
});

test('the exact host wins over the longest wildcard and that over any host; whoever does not fit the path is passed over', () => {
  const rules = [
    { host: 'a.example.com', path: '/x', name: 'exact' },
    { host: '*.example.com', path: '/x', name: 'below example' },
    { host: '*.a.example.com', name: 'below a' },
    { host: '*.com', path: '/', name: 'below com' },
    { path: '/x/y', name: 'any' },
  ];
  const routes = new Routes(rules);
  const cases: [string, string, string | undefined][] = [
    ['a.example.com', '/x/y', 'exact'],
    ['A.Example.COM:8080', '/x', 'exact'],
    ['a.example.com.', '/x', 'exact'],
    ['b.example.com', '/x', 'below example'],
    ['c.b.example.com', '/x', 'below example'],
    ['b.a.example.com', '/x', 'below a'],
    ['example.com', '/x', 'below com'],
    ['b.example.com', '/z', 'below com'],
    ['com', '/x', undefined],
    ['example.org', '/x/y/z', 'any'],
    ['[::1]:80', '/x/y', 'any'],
    ['', '/x/y', 'any'],
    ['..', '/q', undefined],
  ];
  for (const [host, target, name] of cases) assert.equal(routes.match(host, target)?.name, name, `${host}${target}`);
});

test('rules that can never match or are there twice are refused', () => {
  for (const [rule, message] of [
    [{ path: 'api' }, /"api" is not a path/],
    [{ path: '/a*' }, /is not a path/],
    [{ path: '/a/*/b' }, /is not a path/],
    [{ path: '/a?b' }, /is not a path/],
    [{ path: '/a b' }, /is not a path/],
    [{ path: '/ä' }, /is not a path/],
    [{ host: '..' }, /is not a host/],
    [{ host: 'a..b' }, /is not a host/],
    [{ host: '' }, /is not a host/],
    [{ host: 'a.*' }, /is not a host/],
    [{ host: 'http://a' }, /is not a host/],
  ] as const) {
    assert.throws(() => new Routes([rule]), { code: 'MS_INVALID_OPTION', message });
  }
  assert.throws(
    () =>
      new Routes([
        { host: 'A.com', path: '/a/*' },
        { host: 'a.com', path: '/a' },
      ]),
    /there twice/,
  );
});

const prefixOf = (rule: RouteRule) => (rule.path ?? '/').replace(/\/\*?$/, '');
const keyOf = (rule: RouteRule) => `${rule.host?.toLowerCase()} ${prefixOf(rule)}`;

/** The rules in words, one after the other. */
function naive(rules: readonly RouteRule[], authority: string, target: string): RouteRule | undefined {
  const host = authority.toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '');
  const [path] = target.split('?') as [string];
  const hostRank = ({ host: wanted }: RouteRule) => {
    if (wanted === undefined || wanted === '*') return 0;
    if (!wanted.startsWith('*.')) return wanted.toLowerCase() === host ? Infinity : -1;
    const suffix = wanted.slice(1).toLowerCase();
    return host.endsWith(suffix) && host.length > suffix.length ? suffix.length : -1;
  };
  return rules
    .filter((rule) => {
      const prefix = prefixOf(rule);
      return hostRank(rule) >= 0 && (prefix === '' || path === prefix || path.startsWith(`${prefix}/`));
    })
    .toSorted((one, other) => {
      const [first, second] = [hostRank(one), hostRank(other)];
      return first === second ? prefixOf(other).length - prefixOf(one).length : second - first;
    })[0];
}

/** Null: the path has readings that mean different rules. */
function naiveOfAll(rules: readonly RouteRule[], authority: string, target: string): RouteRule | undefined | null {
  const rule = naive(rules, authority, target);
  return otherReadings(target).every((reading) => naive(rules, authority, reading) === rule) ? rule : null;
}

test('it finds the same rule as a naive search through all of them, also of a thousand, whatever the path has escaped', () => {
  const label = fc.constantFrom('a', 'b', 'www', 'api');
  const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
  const pattern = fc.oneof(
    fc.constant(undefined),
    name,
    name.map((text) => `*.${text}`),
    name.map((text) => text.toUpperCase()),
  );
  const names = fc.constantFrom('x', 'x', 'y', 'y', 'xy', '', '~', '%20');
  const segments = fc.array(names, { maxLength: 4 }).map((list) => `/${list.join('/')}`);
  const path = fc.oneof(
    fc.constant(undefined),
    segments.map((text) => text.replace(/\/*$/, '') || '/'),
    segments.map((text) => `${text.replace(/\/*$/, '')}/*`),
  );
  const rule = fc.record({ host: pattern, path }).map(({ host, path: prefix }) => ({
    ...(host === undefined ? {} : { host }),
    ...(prefix === undefined ? {} : { path: prefix }),
  }));
  const pieces = [
    'x',
    'y',
    'xy',
    '%78',
    '%7e',
    '%20',
    '%2F',
    '%2e',
    '.',
    '%3f',
    '%23',
    '#',
    '\\',
    '%5c',
    '%c3%bc',
    '%ff',
    '/',
  ];
  const odd = fc.array(fc.constantFrom(...pieces), { maxLength: 3 }).map((list) => list.join(''));
  const target = fc.oneof(
    segments,
    fc.array(fc.oneof(fc.constantFrom('x', 'y'), odd), { maxLength: 5 }).map((list) => `/${list.join('/')}`),
    odd.map((text) => `/${text}`),
    fc.constant('*'),
  );
  const asked = fc.tuple(name, fc.constantFrom('', ':80', '.'), target, fc.constantFrom('', '?', '?/x/y'));
  const questions = fc.array(asked, { minLength: 1, maxLength: 20 });
  const check = (least: number, most: number, numRuns: number) => {
    const rules = fc.uniqueArray<RouteRule, string>(rule, { selector: keyOf, minLength: least, maxLength: most });
    fc.assert(
      fc.property(rules, questions, (list, ask) => {
        const routes = new Routes(list);
        for (const [host, port, text, query] of ask) {
          const expected = naiveOfAll(list, host + port, text + query);
          assert.equal(routes.match(host + port, text + query), expected, text + query);
        }
      }),
      { seed: SEED, numRuns },
    );
  };
  const long = process.env.MULTISERVER_LONG !== undefined;
  check(0, 30, long ? 20_000 : 500);
  check(1000, 1000, long ? 200 : 5);
});

test('a target of a thousand slashes and a host of a thousand dots cost no more than their length', () => {
  const rules = Array.from({ length: 1000 }, (_, i) => ({ host: `*.h${i % 30}.example.com`, path: `/p${i}/q` }));
  const routes = new Routes(rules);
  const started = performance.now();
  for (let i = 0; i < 1000; i++) routes.match(`${'a.'.repeat(1000)}example.com`, '/'.repeat(8000));
  // Milliseconds at any speed; hours if each prefix were looked up.
  assert.ok(performance.now() - started < 2000);
});
