import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MultiserverError } from '../errors.js';
import { FakeExchange, type FakeInit } from './exchange.test.fake.js';
import { createForceHttps, forceHttps, type ForceHttpsOptions, type Station } from './force-https.js';

function location(options: ForceHttpsOptions, init: FakeInit = {}): string | undefined {
  const exchange = new FakeExchange(init);
  assert.equal(createForceHttps(options)(exchange), true);
  if (exchange.failed !== null) return exchange.failed.code;
  assert.equal(exchange.ended, true);
  return exchange.sent('location');
}

describe('a request over plain HTTP', () => {
  test('is redirected to the same path over HTTPS', () => {
    const target = '/a%20b?c=d';
    assert.equal(location({ mapTo: 'www.example.com' }, { target }), 'https://www.example.com/a%20b?c=d');
    assert.equal(
      location({ mapTo: 'https://www.example.com:8443/' }, { target: '*' }),
      'https://www.example.com:8443/',
    );
    assert.equal(
      location({ hosts: ['example.com'] }, { target, authority: 'EXAMPLE.com:8080' }),
      'https://example.com/a%20b?c=d',
    );
    assert.equal(location({ hosts: ['example.com'], mapTo: 8443 }), 'https://example.com:8443/');
    assert.equal(location({ hosts: ['example.com'], mapTo: 443 }), 'https://example.com/');
    assert.equal(location({ hosts: ['[::1]'] }, { authority: '[::1]:80' }), 'https://[::1]/');
    assert.equal(location({ hosts: ['*.example.com'] }, { authority: 'a.b.example.com' }), 'https://a.b.example.com/');
  });

  test('is never redirected to a host that the client made up', () => {
    const hosts = ['example.com', '*.example.org'];
    for (const authority of [
      'evil.com',
      'example.com.evil.com',
      'evilexample.com',
      '',
      'example.org',
      '.example.org',
      'a%2f.example.org',
      'xexample.org',
    ]) {
      assert.equal(location({ hosts }, { authority }), 'MS_UNKNOWN_HOST', authority);
      assert.equal(location({ hosts, mapTo: 'example.com' }, { authority: 'evil.com' }), 'MS_UNKNOWN_HOST');
      assert.equal(location({ mapTo: 'example.com' }, { authority }), 'https://example.com/');
    }
  });

  test('gets the status that was asked for', () => {
    const exchange = new FakeExchange({ method: 'POST' });
    createForceHttps({ mapTo: 'a.example' })(exchange);
    assert.equal(exchange.status, 308);
    const other = new FakeExchange();
    createForceHttps({ mapTo: 'a.example', status: 301 })(other);
    assert.equal(other.status, 301);
  });

  test('passes where a trusted proxy says that it came over HTTPS', () => {
    const exchange = new FakeExchange();
    exchange.forwarded = { chain: [], proto: 'https', host: 'example.com', port: '443' };
    assert.equal(createForceHttps({ mapTo: 'example.com' })(exchange), false);
    assert.equal(exchange.status, 0);
  });
});

describe('a request over HTTPS', () => {
  const secure = { client: { encrypted: true } };

  test('passes, and its answer says so for the future only where that is asked for', () => {
    const plain = new FakeExchange(secure);
    assert.equal(createForceHttps({ mapTo: 'example.com' })(plain), false);
    assert.equal(plain.replyFields, null);
    const all = { maxAge: 60, includeSubDomains: true, preload: true };
    for (const [hsts, value] of [
      [true, 'max-age=31536000'],
      [all, 'max-age=60; includeSubDomains; preload'],
    ] as const) {
      const exchange = new FakeExchange(secure);
      createForceHttps({ mapTo: 'example.com', hsts })(exchange);
      assert.deepEqual(exchange.replyFields, ['Strict-Transport-Security', value]);
    }
  });
});

describe('forceHttps', () => {
  test('is a plug-in', () => {
    const stations: Station[] = [];
    forceHttps({ mapTo: 'a.example' })({ intercept: (station) => stations.push(station) });
    assert.equal(stations.length, 1);
  });

  test('does not start without knowing where to redirect to', () => {
    const bad = [
      {}, { mapTo: 443 }, { mapTo: '' }, { mapTo: 'a/b' }, { mapTo: 'user@host' }, { mapTo: 'a b' }, { hosts: ['a/b'] }, { hosts: ['*'] },
      { hosts: ['a'], mapTo: 0 }, { mapTo: 'a', status: 303 }, { mapTo: 'a', hsts: { maxAge: -1 } },
    ] as unknown as ForceHttpsOptions[]; // prettier-ignore
    for (const options of bad) {
      assert.throws(
        () => forceHttps(options),
        (error) => error instanceof MultiserverError && error.code === 'MS_INVALID_OPTION',
        JSON.stringify(options),
      );
    }
  });
});
