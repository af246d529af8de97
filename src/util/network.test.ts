import assert from 'node:assert/strict';
import { test } from 'node:test';
import { networkOf, unmapped } from './network.js';

test('an address of IPv4 stands for itself, one of IPv6 for its /64, however it is written', () => {
  for (const [address, network] of [
    ['192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:0DB8:0001:0002:0003:0004:0005:0006', '2001:db8:1:2'],
    ['2001:db8:1:2::6', '2001:db8:1:2'],
    ['2001:db8::1', '2001:db8:0:0'],
    ['2001:db8:1::', '2001:db8:1:0'],
    ['::1', '0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
  ] as const) {
    assert.equal(networkOf(address), network, address);
  }
});

test('a client of IPv4 on a dual-stack socket has its plain address', () => {
  for (const mapped of ['::ffff:192.0.2.5', '::FFFF:c000:205']) assert.equal(unmapped(mapped), '192.0.2.5');
  assert.equal(unmapped('::ffff:1:0'), '0.1.0.0');
  for (const address of ['192.0.2.5', '2001:db8::1', '::ffff', '']) assert.equal(unmapped(address), address);
});
