import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { MultiserverError } from '../errors.js';
import { FakeExchange, type FakeInit } from './exchange.test.fake.js';
import { parseForwarded, plainAddress } from './forwarded-fields.js';
import { createTrust } from './trust.js';

function ask(trusted: string[], init: FakeInit): FakeExchange {
  const exchange = new FakeExchange(init);
  createTrust(trusted)(exchange);
  return exchange;
}

const proxy = { client: { address: '10.0.0.1' } };

describe('whom a request is from', () => {
  test('is the peer when nobody is trusted', () => {
    const exchange = ask([], { fields: ['X-Forwarded-For', '203.0.113.7'] });
    assert.equal(exchange.clientAddress, '192.0.2.1');
    assert.equal(exchange.forwarded, null);
  });

  test('is the peer when that one is not trusted', () => {
    const exchange = ask(['10.0.0.0/8'], { fields: ['X-Forwarded-For', '203.0.113.7', 'X-Request-Id', 'mine'] });
    assert.equal(exchange.clientAddress, '192.0.2.1');
    assert.equal(exchange.forwarded, null);
    assert.equal(exchange.requestId, '');
  });

  test('is the first address from the right that is not trusted; what stands left of it is forgotten', () => {
    const exchange = ask(['10.0.0.0/8'], {
      ...proxy,
      fields: ['X-Forwarded-For', '6.6.6.6, 203.0.113.7', 'X-Forwarded-For', '10.0.0.2'],
    });
    assert.equal(exchange.clientAddress, '203.0.113.7');
    assert.deepEqual(exchange.forwarded?.chain, ['203.0.113.7', '10.0.0.2']);
  });

  test('is the leftmost address when all are trusted', () => {
    const exchange = ask(['uniquelocal'], { ...proxy, fields: ['X-Forwarded-For', '192.168.1.1, 10.0.0.2'] });
    assert.equal(exchange.clientAddress, '192.168.1.1');
  });

  test('is the last known address when an entry is no address', () => {
    const exchange = ask(['10.0.0.0/8'], { ...proxy, fields: ['X-Forwarded-For', '203.0.113.7, unknown, 10.0.0.2'] });
    assert.equal(exchange.clientAddress, '10.0.0.2');
    assert.equal(ask(['10.0.0.0/8'], { ...proxy, fields: ['X-Forwarded-For', 'nonsense'] }).clientAddress, '10.0.0.1');
  });

  test('can be known by name: loopback, linklocal, uniquelocal', () => {
    const fields = ['X-Forwarded-For', '203.0.113.7'];
    const peers: [string, string][] = [
      ['loopback', '127.0.0.9'], ['loopback', '::1'], ['loopback', ''],
      ['linklocal', '169.254.3.4'], ['linklocal', 'fe80::1'], ['uniquelocal', 'fd00::1'], ['uniquelocal', '172.31.0.1'],
    ]; // prettier-ignore
    for (const [name, address] of peers) {
      assert.equal(ask([name], { client: { address }, fields }).clientAddress, '203.0.113.7', `${name} ${address}`);
      assert.notEqual(ask(['198.51.100.1'], { client: { address }, fields }).clientAddress, '203.0.113.7');
    }
  });

  test('may come with scheme, host, port and id', () => {
    const fields = [
      'X-Forwarded-For',
      '203.0.113.7',
      'X-Forwarded-Proto',
      'HTTPS',
      'X-Forwarded-Host',
      'shop.example:8443',
    ];
    const exchange = ask(['10.0.0.1'], { ...proxy, fields: [...fields, 'X-Request-Id', 'abc'] });
    assert.deepEqual(exchange.forwarded, {
      chain: ['203.0.113.7'],
      proto: 'https',
      host: 'shop.example:8443',
      port: '8443',
    });
    assert.equal(exchange.requestId, 'abc');
  });

  test('has the scheme and port of the connection where the proxy says nothing of them, or nonsense', () => {
    const said = [
      'X-Forwarded-For',
      '203.0.113.7',
      'X-Forwarded-Proto',
      'gopher',
      'X-Forwarded-Host',
      'a b',
      'X-Forwarded-Port',
      'x',
    ];
    for (const fields of [[], said]) {
      const { forwarded } = ask(['10.0.0.1'], { ...proxy, fields });
      assert.equal(forwarded?.proto, 'http');
      assert.equal(forwarded.host, 'example.com');
      assert.equal(forwarded.port, '8080');
    }
    assert.equal(ask(['10.0.0.1'], { ...proxy, fields: ['X-Forwarded-Proto', 'https'] }).forwarded?.port, '443');
  });

  test("is told by lists that proxies keep in step: the client's own member counts", () => {
    const fields = ['X-Forwarded-For', '6.6.6.6, 203.0.113.7, 10.0.0.2', 'X-Forwarded-Proto', 'http, https, http'];
    assert.equal(ask(['10.0.0.0/8'], { ...proxy, fields }).forwarded?.proto, 'https');
  });

  test('is told by the nearest proxy where it does not know the address, as of a client on a Unix socket', () => {
    const said = [
      ['X-Forwarded-For', 'unknown', 'X-Forwarded-Proto', 'https', 'X-Forwarded-Host', 'shop.example'],
      ['Forwarded', 'for=unknown;proto=https;host=shop.example'],
      ['Forwarded', 'for=203.0.113.7;proto=http, for=_hidden;proto=https;host=shop.example'],
    ];
    for (const fields of said) {
      const { clientAddress, forwarded } = ask(['10.0.0.1'], { ...proxy, fields });
      assert.deepEqual([clientAddress, forwarded?.proto, forwarded?.host], ['10.0.0.1', 'https', 'shop.example']);
    }
  });

  test('is read from Forwarded where there is no X-Forwarded-For', () => {
    const value = 'for=6.6.6.6, for="[2001:db8::7]:4711";proto=https;host="shop.example", for=10.0.0.2;proto=http';
    const exchange = ask(['10.0.0.0/8'], { ...proxy, fields: ['Forwarded', value] });
    assert.equal(exchange.clientAddress, '2001:db8::7');
    assert.equal(exchange.forwarded?.proto, 'https');
    assert.equal(exchange.forwarded.host, 'shop.example');
    const both = ['Forwarded', 'for=6.6.6.6', 'X-Forwarded-For', '203.0.113.7'];
    assert.equal(ask(['10.0.0.0/8'], { ...proxy, fields: both }).clientAddress, '203.0.113.7');
  });

  test('does not keep an id that would break a log line', () => {
    assert.equal(ask(['10.0.0.1'], { ...proxy, fields: ['X-Request-Id', 'a b'] }).requestId, '');
    assert.equal(ask(['10.0.0.1'], { ...proxy, fields: ['X-Request-Id', 'a'.repeat(129)] }).requestId, '');
  });

  test('is never an address that only an untrusted client vouches for', () => {
    const address = fc.ipV4().filter((a) => !a.startsWith('10.'));
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string())),
        address,
        fc.array(fc.nat(255)),
        (made, real, hops) => {
          const list = [...made, real, ...hops.map((n) => `10.0.0.${n}`)].join(',');
          assert.equal(ask(['10.0.0.0/8'], { ...proxy, fields: ['X-Forwarded-For', list] }).clientAddress, real);
        },
      ),
    );
  });

  test('cannot be configured with something that is no range', () => {
    for (const bad of ['nobody', '10.0.0.0/33', '::/129', '10.0.0.0/-1', '10.0.0.0/x', '']) {
      assert.throws(
        () => createTrust([bad]),
        (e) => e instanceof MultiserverError && e.code === 'MS_INVALID_OPTION',
        bad,
      );
    }
  });
});

describe('an address as proxies write it', () => {
  test('is freed of port, brackets, zone and mapping', () => {
    const cases = {
      '192.0.2.1': '192.0.2.1', '192.0.2.1:80': '192.0.2.1', '[2001:db8::1]:80': '2001:db8::1', '[2001:db8::1]': '2001:db8::1',
      '2001:db8::1': '2001:db8::1', '::ffff:192.0.2.1': '192.0.2.1', 'fe80::1%eth0': 'fe80::1', '[::1': '', '[192.0.2.1]': '', '[::1]x': '',
    }; // prettier-ignore
    for (const [hop, address] of Object.entries(cases)) assert.equal(plainAddress(hop), address, hop);
  });
});

describe('a Forwarded field', () => {
  test('is a list of elements; one that is not valid tells nothing', () => {
    assert.deepEqual(parseForwarded('For="_x\\"y" ; proto=http;by=z,,for=1.2.3.4'), [
      { for: '_x"y', proto: 'http', host: '' },
      { for: '', proto: '', host: '' },
      { for: '1.2.3.4', proto: '', host: '' },
    ]);
    for (const bad of ['for="1', 'for = x', 'for=1.2.3.4 x', '"a"', 'for=[::1]'])
      assert.deepEqual(parseForwarded(bad), [], bad);
  });

  test('is read in time that grows with its length only', () => {
    const started = process.hrtime.bigint();
    for (const piece of [' ', '\t,', '"\\"', 'for=', ';']) parseForwarded(piece.repeat(16_384) + '\u0000');
    assert.ok(process.hrtime.bigint() - started < 2_000_000_000n);
  });
});
