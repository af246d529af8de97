import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { MultiserverError } from './errors.js';
import {
  OPTION_ROWS,
  parseOptions,
  parseSpawnOptions,
  refuseIdle,
  type LoadBalancerOptions,
  type SpawnOptions,
} from './options.js';
import { readEnvFile } from './options/env-file.js';
import { parseDuration } from './util/duration.js';
import { parseSize } from './util/size.js';

fc.configureGlobal({ seed: Number(process.env.MULTISERVER_SEED ?? 1) });

const ROWS = OPTION_ROWS.balancer;
const kindOf = new Map(ROWS.map(({ name, kind }) => [name, kind]));

/** `('queue.size', 3)` → `{ queue: { size: 3 } }` */
function nest(name: string, value: unknown): LoadBalancerOptions {
  return name.split('.').reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as LoadBalancerOptions;
}

function at(options: unknown, name: string): unknown {
  return name.split('.').reduce<unknown>((object, key) => (object as Record<string, unknown>)[key], options);
}

const refusal = (name: string, value: unknown) => refusalOf(nest(name, value));

function check(written: LoadBalancerOptions, all = written): void {
  refuseIdle(written, parseOptions(all));
}

function refusalOf(options: LoadBalancerOptions): MultiserverError | undefined {
  try {
    parseOptions(options);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof MultiserverError);
    assert.equal(error.code, 'MS_INVALID_OPTION');
    return error;
  }
}

/** `[least, most]` as the row's own text tells them. */
function bounds(allowed: string, parse: (text: string) => number | undefined): [number, number] {
  const [, least, most] = / from (\S+) to ([^:,\s]+)/.exec(allowed)!;
  return [parse(least!)!, parse(most!)!];
}
const numeric = (parse: (value: unknown) => number | undefined) => (text: string) =>
  parse(/^\d+$/.test(text) ? Number(text) : text);

describe('options', () => {
  it('have the defaults their rows show', () => {
    const options = parseOptions();
    for (const { name, kind, default: shown } of ROWS) {
      if (kind !== 'duration' && kind !== 'size') continue;
      const text = shown.replaceAll("'", '');
      const parse = numeric(kind === 'duration' ? parseDuration : parseSize);
      assert.equal(at(options, name), text === 'Infinity' ? Infinity : parse(text), name);
    }
    assert.equal(options.timeout, 60_000);
    assert.equal(options.maxHeadSize, 16_384);
    assert.equal(options.retries.budget, 0.2);
    assert.equal(options.algorithm, undefined);
  });

  it('are taken at both bounds of their row and refused beyond them', () => {
    for (const { name, kind, allowed } of ROWS) {
      if (!/ from \S+ to /.test(allowed) || kind === 'numbers') continue;
      const parse =
        kind === 'size' ? parseSize : kind === 'duration' ? parseDuration : (value: unknown) => Number(value);
      const [least, most] = bounds(allowed, numeric(parse));
      const free = name.includes('ackoff') || name.includes('jectTime'); // these two also depend on one another
      if (!free) assert.equal(refusal(name, least), undefined, `${name} ${least}`);
      if (!free) assert.equal(refusal(name, most), undefined, `${name} ${most}`);
      for (const value of [least - 1, most + 1]) {
        const message = refusal(name, value)?.message ?? '';
        assert.ok(
          message.startsWith(`Option "${name}" must be ${allowed}; it is ${value}`),
          `${name} ${value}: ${message}`,
        );
      }
    }
  });

  it('take any duration and size within the bounds, and give milliseconds and bytes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 86_400 }), (seconds) => {
        assert.equal(parseOptions({ timeout: `${seconds}s` }).timeout, seconds * 1000);
        assert.equal(parseOptions({ timeout: seconds * 1000 }).timeout, seconds * 1000);
      }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1024 }), (kilobytes) => {
        assert.equal(parseOptions({ maxHeadSize: `${kilobytes}KB` }).maxHeadSize, kilobytes * 1024);
        assert.equal(parseOptions({ maxBodySize: `${kilobytes}MB` }).maxBodySize, kilobytes * 1024 ** 2);
      }),
    );
  });

  it('are never coerced: another type is refused with the name and the value', () => {
    const anything = fc.oneof(
      fc.constantFrom(null, Number.NaN, -Infinity, '', '5', '5 s', '5sec', 'yes', Symbol.iterator, 10n, new Date(0)),
      fc.string(),
      fc.double(),
      fc.array(fc.anything(), { maxLength: 3 }),
      fc.dictionary(fc.string(), fc.anything(), { maxKeys: 3 }),
    );
    fc.assert(
      fc.property(fc.constantFrom(...ROWS.map(({ name }) => name)), anything, (name, value) => {
        const error = refusal(name, value);
        if (error) {
          assert.ok(error.message.startsWith(`Option "${name}`), error.message);
          return;
        }
        // Taken: then it was of the row's own type.
        const types: Record<string, string[]> = {
          duration: ['number', 'string'],
          size: ['number', 'string'],
          number: ['number'],
          boolean: ['boolean'],
          list: ['object'],
          numbers: ['object'],
          text: ['string'],
          record: ['object', 'function'],
        };
        assert.ok(types[kindOf.get(name)!]?.includes(typeof value), `${name} took ${typeof value}`);
      }),
      { numRuns: 2000 },
    );
  });

  it('are refused by name when they are unknown, with the nearest known one', () => {
    const known = new Set(ROWS.flatMap(({ name }) => [name, name.split('.')[0]!]));
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (name) => {
        fc.pre(!known.has(name));
        const options = JSON.parse(`{${JSON.stringify(name)}:1}`) as LoadBalancerOptions;
        assert.throws(
          () => parseOptions(options),
          (error: Error) => error.message.startsWith(`Option "${name}" is unknown;`),
        );
      }),
    );
    assert.equal(refusal('timout', 1)?.message, 'Option "timout" is unknown; did you mean "timeout"?');
    assert.equal(
      refusal('queue.tiemout', 1)?.message,
      'Option "queue.tiemout" is unknown; did you mean "queue.timeout"?',
    );
    assert.match(refusal('queue', 3)!.message, /^Option "queue" must be an object of options; it is 3\.$/);
  });

  it('are frozen to the last list, but the algorithm of the user is not', () => {
    const algorithm = { pick: () => undefined, notes: {} };
    const trustedProxies = ['loopback'];
    const options = parseOptions({ algorithm, trustedProxies });
    for (const value of [options, options.queue, options.retries, options.retries.statuses, options.trustedProxies]) {
      assert.ok(Object.isFrozen(value));
    }
    assert.equal(options.algorithm, algorithm);
    assert.ok(!Object.isFrozen(algorithm) && !Object.isFrozen(algorithm.notes) && !Object.isFrozen(trustedProxies));
  });

  it('that are undefined count as not given', () => {
    const names = ROWS.map(({ name }) => name.split('.')[0]!);
    assert.deepEqual(parseOptions(Object.fromEntries(names.map((name) => [name, undefined]))), parseOptions());
  });

  it('follow one another where a default depends on another option', () => {
    assert.equal(parseOptions({ maxConcurrentConnections: 7 }).queue.size, 70);
    assert.equal(parseOptions({ maxConcurrentConnections: 7, queue: { size: 0 } }).queue.size, 0);
    assert.ok(Number.isSafeInteger(parseOptions().maxConnections));
    assert.equal(parseOptions({ maxConnections: 'auto' }).maxConnections, parseOptions().maxConnections);
  });

  it('that bound one another are refused by the name of the one that was given', () => {
    assert.equal(
      refusalOf({ health: { ejectTime: '10m' } })?.message,
      'Option "health.ejectTime" must not be more than "health.maxEjectTime" (300000); it is 600000.',
    );
    assert.equal(
      refusalOf({ retries: { maxBackoff: 10 } })?.message,
      'Option "retries.maxBackoff" must not be less than "retries.backoff" (25); it is 10.',
    );
    assert.equal(
      refusalOf({ retries: { backoff: '1s', maxBackoff: '500ms' } })?.message,
      'Option "retries.maxBackoff" must not be less than "retries.backoff" (1000); it is 500.',
    );
    assert.equal(refusalOf({ retries: { backoff: '1s', maxBackoff: '1s' } }), undefined);
  });

  it('of autoscaling bound the number of workers, unless it is off', () => {
    assert.equal(parseSpawnOptions({ count: 9, autoscale: { max: 4 } }).count, 4);
    assert.equal(parseSpawnOptions({ count: 1, autoscale: { min: 2, max: 4 } }).count, 2);
    assert.equal(parseSpawnOptions({ count: 1, autoscale: { min: 2 } }).count, 1);
    assert.throws(() => parseSpawnOptions({ autoscale: { min: 3, max: 2 } }), {
      message: 'Option "autoscale.min" must not be more than "autoscale.max" (2); it is 3.',
    });
  });

  it('take as algorithm a function, an object with pick, or a named constant', () => {
    for (const algorithm of [
      () => undefined,
      { pick: () => undefined },
      { algorithm: 'mine', create: () => ({ pick: () => undefined }) },
    ]) {
      assert.equal(parseOptions({ algorithm }).algorithm, algorithm);
    }
    for (const algorithm of ['round-robin', {}, 5, null]) assert.ok(refusal('algorithm', algorithm));
  });

  it('have no algorithm as one object for several pools, which would mix what it knows of their endpoints', () => {
    class First {
      pick = () => undefined;
    }
    const one = new First();
    const shared = /the pools "default" and "api" cannot share one object; give its class/;
    assert.match(refusalOf({ algorithm: one, pools: { api: [] } })?.message ?? '', shared);
    assert.match(refusalOf({ pools: { a: { algorithm: one }, b: { algorithm: one } } })?.message ?? '', /"a" and "b"/);
    for (const algorithm of [First, one.pick, { algorithm: 'mine', create: () => new First() }]) {
      assert.equal(parseOptions({ algorithm, pools: { api: [] } }).pools.api!.algorithm, algorithm);
    }
    assert.equal(refusalOf({ algorithm: one, pools: { api: { algorithm: new First() } } }), undefined);
  });

  it('that do nothing for want of another are refused where they are written, and stay where the other is taken away', () => {
    for (const [written, message] of [
      [{ rateLimit: { burst: 5 } }, /^Option "rateLimit\.burst" was given without "rateLimit\.rate"/],
      [{ rateLimit: { key: 'ip' } }, /"rateLimit\.key" was given without/],
      [{ healthCheck: { interval: '1s' } }, /^Option "healthCheck\.interval" was given without "healthCheck\.path"/],
      [{ routes: [{ rateLimit: { burst: 5 } }] }, /"routes\.0\.rateLimit\.burst" was given without/],
    ] satisfies [LoadBalancerOptions, RegExp][]) {
      assert.throws(() => check(written), { code: 'MS_INVALID_OPTION', message });
    }
    const interval = { interval: '1s' } as const;
    check({ healthCheck: interval, pools: { api: { healthCheck: { path: '/' } } } });
    check({ healthCheck: { path: undefined } }, { healthCheck: { path: undefined, ...interval } });
    check({ rateLimit: { rate: undefined } }, { rateLimit: { rate: undefined, burst: 5 } });
  });

  it('take as names to get certificates for those that can be proved', () => {
    const { domains, storage } = parseOptions({ https: { acme: { domains: ['A.example', 'b-1.example'] } } }).https
      .acme;
    assert.deepEqual(domains, ['a.example', 'b-1.example']);
    assert.match(storage, /\/multiserver\/acme\/acme-v02\.api\.letsencrypt\.org-directory$/);
    for (const name of [
      '*.example.com',
      'localhost',
      '10.0.0.1',
      '[::1]',
      'a..b',
      '-a.b',
      'a.b/',
      '../a.b',
      'ä.example',
      '',
    ]) {
      assert.match(refusal('https.acme.domains', [name])?.message ?? '', /must be a list of host names/, name);
    }
    assert.match(
      refusal('https.acme.email', 'me@a.example')?.message ?? '',
      /^Option "https\.acme\.email" was given without "https\.acme\.domains"/,
    );
    for (const directory of ['http://ca.example/dir', 'ca.example']) {
      assert.match(refusal('https.acme.directory', directory)?.message ?? '', /must be a URL that begins with 'https/);
    }
  });

  it('take as trusted proxies addresses, ranges and named ranges only', () => {
    const good = ['10.0.0.0/8', '192.0.2.1', '::1', '2001:db8::/32', 'loopback', 'linklocal', 'uniquelocal'];
    assert.deepEqual(parseOptions({ trustedProxies: good }).trustedProxies, good);
    for (const bad of [
      '10.0.0.0/33',
      '::1/129',
      '10.0.0',
      'localhost',
      '10.0.0.0/',
      '10.0.0.0/8/8',
      '',
      'fe80::1%eth0',
      7,
    ]) {
      assert.ok(refusal('trustedProxies', [bad]), String(bad));
    }
  });
});

describe('options of spawn', () => {
  it('have one worker per core as default', () => {
    assert.equal(parseSpawnOptions().count, availableParallelism());
    assert.equal(parseSpawnOptions({ count: 'auto' }).count, availableParallelism());
    assert.equal(parseSpawnOptions({ count: 3 }).count, 3);
  });

  it('are refused when they make no process', () => {
    const bad: SpawnOptions[] = [
      { count: 0 },
      { count: 1.5 },
      { args: ['a\0b'] },
      { env: { 'A=B': 'x' } },
      { env: { A: 1 } as never },
      { cwd: '' },
      { readyPath: 'ready' },
      { startTimeout: 0 },
    ];
    for (const options of bad) assert.throws(() => parseSpawnOptions(options), { code: 'MS_INVALID_OPTION' });
  });

  it('read envFile, over which what is set already wins', (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'multiserver-options-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const envFile = join(directory, '.env');
    writeFileSync(envFile, 'A=1\nB="two words"\n# comment\nPATH=nowhere\n');
    assert.deepEqual(readEnvFile(envFile), { A: '1', B: 'two words' });
    assert.equal(parseSpawnOptions({ envFile }).envFile, envFile);
    assert.throws(
      () => parseSpawnOptions({ envFile: join(directory, 'none') }),
      /Option "envFile" must be a file that can be read/,
    );
  });
});
