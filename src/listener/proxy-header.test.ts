import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parseProxyHeader } from './proxy-header.js';

const latin1 = (text: string) => Buffer.from(text, 'latin1');
const SIGNATURE = '\r\n\r\n\0\r\nQUIT\n';

function v2(command: number, family: number, body: number[]): Buffer {
  return Buffer.concat([latin1(SIGNATURE), Buffer.of(command, family, body.length >> 8, body.length & 255, ...body)]);
}

const TCP4 = [192, 0, 2, 7, 198, 51, 100, 1, 0xc3, 0x50, 0x01, 0xbb];
const MAPPED = [...new Uint8Array(10), 0xff, 0xff];
const client4 = { address: '192.0.2.7', port: 50_000, localAddress: '198.51.100.1', localPort: 443 };

describe('a PROXY header', () => {
  const good: [what: string, header: Buffer, client: object | null][] = [
    ['of version 1', latin1('PROXY TCP4 192.0.2.7 198.51.100.1 50000 443\r\n'), client4],
    [
      'of version 1 over IPv6',
      latin1('PROXY TCP6 2001:db8::7 ::1 1 65535\r\n'),
      { address: '2001:db8::7', port: 1, localAddress: '::1', localPort: 65_535 },
    ],
    ['of version 1 that knows nothing', latin1('PROXY UNKNOWN\r\n'), null],
    ['of version 1 that knows nothing and says more', latin1('PROXY UNKNOWN ffff::1 ffff::1 1 2\r\n'), null],
    ['of version 2', v2(0x21, 0x11, TCP4), client4],
    ['of version 2 with extensions', v2(0x21, 0x11, [...TCP4, 4, 0, 1, 7]), client4],
    [
      'of version 2 over IPv6',
      v2(0x21, 0x21, [0x20, 1, 0xd, 0xb8, ...new Uint8Array(11), 7, ...new Uint8Array(15), 1, 0, 1, 0, 2]),
      { address: '2001:db8::7', port: 1, localAddress: '::1', localPort: 2 },
    ],
    [
      'of version 1 over IPv6 for a client of IPv4',
      latin1('PROXY TCP6 ::ffff:192.0.2.7 ::FFFF:198.51.100.1 50000 443\r\n'),
      client4,
    ],
    [
      'of version 2 over IPv6 for a client of IPv4',
      v2(0x21, 0x21, [...MAPPED, ...TCP4.slice(0, 4), ...MAPPED, ...TCP4.slice(4)]),
      client4,
    ],
    ['of version 2 for itself', v2(0x20, 0x00, []), null],
    ['of version 2 over a Unix socket', v2(0x21, 0x31, [...new Uint8Array(216)]), null],
  ];
  for (const [what, header, client] of good) {
    test(`${what} is read, however it is cut, and no further`, () => {
      const all = Buffer.concat([header, latin1('GET / HTTP/1.1\r\n')]);
      for (let size = 0; size < header.length; size++) {
        assert.equal(parseProxyHeader(all.subarray(0, size)), undefined, `${size} octets`);
      }
      for (let size = header.length; size <= all.length; size++) {
        assert.deepEqual(parseProxyHeader(all.subarray(0, size)), { length: header.length, client });
      }
    });
  }

  const bad: [what: string, octets: Buffer][] = [
    ['another protocol', latin1('GET / HTTP/1.1\r\n\r\n')],
    ['an address of the other family', latin1('PROXY TCP4 ::1 ::1 1 2\r\n')],
    ['two spaces', latin1('PROXY TCP4  192.0.2.7 192.0.2.8 1 2\r\n')],
    ['a port that is none', latin1('PROXY TCP4 192.0.2.7 192.0.2.8 1 65536\r\n')],
    ['a port with a leading zero', latin1('PROXY TCP4 192.0.2.7 192.0.2.8 01 2\r\n')],
    ['no end within 107 octets', latin1(`PROXY UNKNOWN ${'x'.repeat(100)}\r\n`)],
    ['another version', v2(0x31, 0x11, TCP4)],
    ['an unknown command', v2(0x22, 0x11, TCP4)],
    ['too few octets for its addresses', v2(0x21, 0x11, TCP4.slice(1))],
    ['a length beyond all reason', latin1(`${SIGNATURE}\x21\x11\xff\xff`)],
  ];
  for (const [what, octets] of bad) {
    test(`is refused for ${what}`, () => {
      assert.equal(parseProxyHeader(octets), null);
    });
  }

  test('never throws, whatever comes', () => {
    const start = fc.constantFrom('', 'PROXY ', 'PROXY TCP4 ', SIGNATURE, `${SIGNATURE}\x21\x11\0`);
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 200 }), (begin, more) => {
        parseProxyHeader(Buffer.concat([latin1(begin), more]));
      }),
    );
  });
});
