import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ClientInfo } from '../exchange.js';
import { writeProxyHeader } from './proxy-header.js';

const clientOf = (address: string, localAddress: string): ClientInfo => ({
  address,
  port: 50_000,
  localAddress,
  localPort: 443,
  encrypted: true,
});
const V2 = '0d0a0d0a000d0a515549540a';

describe('a PROXY header', () => {
  const cases: [what: string, client: ClientInfo | null, v1: string, v2: string][] = [
    [
      'of an IPv4 client',
      clientOf('192.0.2.7', '198.51.100.1'),
      'TCP4 192.0.2.7 198.51.100.1 50000 443',
      '2111000c c0000207 c6336401 c350 01bb',
    ],
    [
      'of an IPv6 client',
      clientOf('2001:db8::1:7', '::1'),
      'TCP6 2001:db8::1:7 ::1 50000 443',
      '21210024 20010db8000000000000000000010007 00000000000000000000000000000001 c350 01bb',
    ],
    [
      'of a neighbour on a link',
      clientOf('fe80::7%eth0', 'fe80::1%eth0'),
      'TCP6 fe80::7 fe80::1 50000 443',
      '21210024 fe800000000000000000000000000007 fe800000000000000000000000000001 c350 01bb',
    ],
    [
      'of a mapped address',
      clientOf('::ffff:192.0.2.7', '::1'),
      'TCP6 ::ffff:192.0.2.7 ::1 50000 443',
      '21210024 00000000000000000000ffffc0000207 00000000000000000000000000000001 c350 01bb',
    ],
    ['of a client on a Unix socket', clientOf('', ''), 'UNKNOWN', '21000000'],
    ['of addresses that do not belong together', clientOf('192.0.2.7', '::1'), 'UNKNOWN', '21000000'],
    ['of nobody', null, 'UNKNOWN', '20000000'],
  ];
  for (const [what, client, v1, v2] of cases) {
    test(what, () => {
      assert.equal(String(writeProxyHeader(1, client)), `PROXY ${v1}\r\n`);
      assert.equal(writeProxyHeader(2, client).toString('hex'), V2 + v2.replaceAll(' ', ''));
    });
  }
});
