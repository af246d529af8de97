import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Endpoint } from '../balance/endpoint.js';
import { BODY_CHUNKED, BODY_LENGTH } from '../exchange.js';
import { FakeExchange, type FakeInit } from './exchange.test.fake.js';
import { writeRequestHead, type ForwardSettings } from './forward-headers.js';

const SETTINGS: ForwardSettings = { preserveHost: true, forwarded: false, allowUnderscores: false };
const remote = endpoint('10.0.0.7', 8080);

function endpoint(host: string, port: number, more: { path?: string; secure?: boolean; slot?: number } = {}): Endpoint {
  const { slot, ...address } = more;
  const where = { host, port, path: '', secure: false, ...address };
  return new Endpoint({ id: 'e', url: 'http://e', address: where, ...(slot === undefined ? {} : { slot }) });
}

function write(init: FakeInit | FakeExchange, settings: Partial<ForwardSettings> = {}, to = remote): string {
  const exchange = init instanceof FakeExchange ? init : new FakeExchange(init);
  return writeRequestHead(exchange, to, { ...SETTINGS, ...settings });
}

/** Values of a field in a written head, joined. */
function field(head: string, name: string): string | undefined {
  const prefix = name.toLowerCase() + ': ';
  const values = head
    .split('\r\n')
    .slice(1)
    .filter((line) => line.toLowerCase().startsWith(prefix));
  return values.length === 0 ? undefined : values.map((line) => line.slice(prefix.length)).join(' | ');
}

describe('the head that an endpoint gets', () => {
  test('has the request line, Host, the fields in their order and case, and the forwarding fields', () => {
    const exchange = new FakeExchange({
      target: '/a?b=c',
      fields: ['host', 'example.com', 'ACCEPT', '*/*', 'x-Own', 'ä'],
    });
    exchange.requestId = 'id-1';
    assert.equal(
      write(exchange),
      'GET /a?b=c HTTP/1.1\r\nHost: example.com\r\nACCEPT: */*\r\nx-Own: ä\r\n' +
        'X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: example.com\r\nX-Forwarded-Port: 8080\r\n' +
        'Via: 1.1 multiserver\r\nX-Request-Id: id-1\r\n\r\n',
    );
  });

  test('is the same for a second attempt', () => {
    const exchange = new FakeExchange({ fields: ['Via', '1.0 cache', 'Max-Forwards', '3'], method: 'OPTIONS' });
    assert.equal(write(exchange), write(exchange));
    assert.match(exchange.requestId, /^[0-9a-f-]{36}$/);
  });

  test('is the same when the fields came before, whatever else is different then', () => {
    const fields = [
      'Host',
      'example.com',
      'Accept',
      '*/*',
      'TE',
      'trailers',
      'Max-Forwards',
      '3',
      'X-Real-IP',
      '10.9.9.9',
      'Via',
      '1.0 a',
      'X_Y',
      '1',
    ];
    const listed = ['accept'];
    const clients = ['192.0.2.1', '192.0.2.2'].map((address) => new FakeExchange({ client: { address } }).client);
    const settings = [
      SETTINGS,
      { ...SETTINGS, forwarded: true },
      { ...SETTINGS, preserveHost: false },
      { ...SETTINGS, allowUnderscores: true },
    ];
    const forwarded = { chain: ['10.1.1.1'], proto: 'https', host: 'f.example', port: 443 } as const;
    const request = fc.record({
      method: fc.constantFrom('GET', 'OPTIONS'),
      authority: fc.constantFrom('example.com', 'example.org', ''),
      target: fc.constantFrom('/', '/a'),
      minor: fc.constantFrom(0, 1),
      settings: fc.constantFrom(...settings),
      to: fc.constantFrom(remote, endpoint('10.0.0.8', 80), endpoint('h', 1, { slot: 0 })),
      forwarded: fc.constantFrom(null, null, forwarded),
      client: fc.constantFrom(...clients),
    });
    const parts = ['settings', 'authority', 'client', 'minor', 'to', 'forwarded', 'target', 'method'] as const;
    fc.assert(
      fc.property(request, fc.array(request, { minLength: 2, maxLength: 20 }), (first, changes) => {
        const head = { ...new FakeExchange({ fields, listed }).head, memo: { request: null, response: null } };
        let current = first;
        for (const [i, change] of changes.entries()) {
          // One part after the other becomes another.
          const part = parts[i % parts.length]!;
          current = { ...current, [part]: change[part] };
          const { settings, to, minor, forwarded, client, ...init } = current;
          const exchanges = [head, { ...head, memo: null }].map((each) =>
            Object.assign(new FakeExchange({ ...init, client }), {
              head: each,
              client,
              minor,
              forwarded,
              requestId: 'id-1',
            }),
          );
          const [repeated, alone] = exchanges.map((exchange) => writeRequestHead(exchange, to, settings));
          assert.equal(repeated, alone);
        }
      }),
    );
  });

  test('has no hop-by-hop field', () => {
    const hopByHop = [
      ['Connection', 'keep-alive'], ['Keep-Alive', 'timeout=5'], ['Proxy-Connection', 'keep-alive'], ['Proxy-Authorization', 'Basic x'],
      ['Proxy-Whatever', 'y'], ['Transfer-Encoding', 'chunked'], ['Upgrade', 'h2c'], ['HTTP2-Settings', 'AAM'], ['TE', 'gzip'],
    ]; // prettier-ignore
    for (const [name, value] of hopByHop)
      assert.equal(field(write({ fields: [name!, value!] }), name!), undefined, name);
  });

  test('has no field that Connection lists, except those that others rely on', () => {
    const listed = [
      'x-hop',
      'accept',
      'cookie',
      'authorization',
      'x-forwarded-for',
      'x-forwarded-proto',
      'host',
      'content-length',
    ];
    const fields = [
      'X-Hop',
      '1',
      'Accept',
      '*/*',
      'Cookie',
      'a=b',
      'Authorization',
      'Basic x',
      'Content-Length',
      '3',
      'X-Other',
      '2',
    ];
    const head = write({ listed, fields, method: 'POST', body: BODY_LENGTH, length: 3 });
    assert.equal(field(head, 'x-hop'), undefined);
    assert.equal(field(head, 'accept'), undefined);
    assert.equal(field(head, 'x-other'), '2');
    assert.equal(field(head, 'cookie'), 'a=b');
    assert.equal(field(head, 'authorization'), 'Basic x');
    assert.equal(field(head, 'content-length'), '3');
    assert.equal(field(head, 'x-forwarded-for'), '192.0.2.1');
    assert.equal(field(head, 'host'), 'example.com');
  });

  test('keeps TE: trailers, and says that it is for this hop', () => {
    for (const te of ['trailers', 'gzip, Trailers', 'trailers , deflate;q=0.5']) {
      const head = write({ fields: ['TE', te], listed: ['te'] });
      assert.equal(field(head, 'te'), 'trailers', te);
      assert.equal(field(head, 'connection'), 'TE', te);
    }
    assert.equal(field(write({ fields: ['TE', 'nottrailers'] }), 'te'), undefined);
  });

  test('asks for a WebSocket only when the client does, and for nothing else', () => {
    const exchange = new FakeExchange({
      fields: ['Connection', 'Upgrade', 'Upgrade', 'websocket', 'Sec-WebSocket-Key', 'k'],
    });
    assert.equal(field(write(exchange), 'upgrade'), undefined);
    exchange.upgrade = true;
    assert.equal(field(write(exchange), 'upgrade'), 'websocket');
    assert.equal(field(write(exchange), 'connection'), 'Upgrade');
    assert.equal(field(write(exchange), 'sec-websocket-key'), 'k');
    exchange.body = BODY_CHUNKED;
    assert.equal(field(write(exchange), 'upgrade'), undefined, 'with a body it is no handshake');
    assert.equal(field(write(exchange), 'transfer-encoding'), 'chunked');
  });

  test('frames the body anew, whatever the fields say', () => {
    const lies = ['Content-Length', '99', 'Transfer-Encoding', 'chunked'];
    const length = write({ method: 'PUT', fields: lies, body: BODY_LENGTH, length: 7 });
    assert.equal(field(length, 'content-length'), '7');
    assert.equal(field(length, 'transfer-encoding'), undefined);
    const chunked = write({ method: 'PUT', fields: [...lies, 'Trailer', 'X-Sum'], body: BODY_CHUNKED });
    assert.equal(field(chunked, 'content-length'), undefined);
    assert.equal(field(chunked, 'transfer-encoding'), 'chunked');
    assert.equal(field(chunked, 'trailer'), 'X-Sum');
    assert.equal(field(write({ method: 'POST', fields: lies }), 'content-length'), '0');
    assert.equal(field(write({ fields: lies }), 'content-length'), undefined);
  });

  test('passes Expect on when the client waits for an answer to it', () => {
    const exchange = new FakeExchange({
      method: 'POST',
      fields: ['Expect', '100-continue'],
      body: BODY_LENGTH,
      length: 1,
    });
    assert.equal(field(write(exchange), 'expect'), undefined);
    exchange.expectsContinue = true;
    assert.equal(field(write(exchange), 'expect'), '100-continue');
  });

  test('has no name that a CGI-like server could take for another, unless that is allowed', () => {
    const fields = ['X_Forwarded_For', '1.1.1.1', 'x.y', '1', 'x-fine', '2'];
    const head = write({ fields });
    assert.equal(field(head, 'x_forwarded_for'), undefined);
    assert.equal(field(head, 'x.y'), undefined);
    assert.equal(field(head, 'x-fine'), '2');
    assert.equal(field(write({ fields }, { allowUnderscores: true }), 'x.y'), '1');
    assert.equal(field(write({ fields, listed: ['x.y'] }, { allowUnderscores: true }), 'x.y'), undefined);
  });

  test('replaces what a client says of itself', () => {
    const lies = [
      'X-Forwarded-For',
      '8.8.8.8',
      'X-Forwarded-Proto',
      'https',
      'X-Forwarded-Host',
      'evil',
      'X-Forwarded-Port',
      '1',
    ];
    lies.push(
      'X-Forwarded-Prefix',
      '/evil',
      'X-Real-IP',
      '8.8.8.8',
      'Forwarded',
      'for=8.8.8.8',
      'X-Request-Id',
      'evil',
    );
    lies.push('x-multiserver-client', 'https;8.8.8.8;1;443');
    const head = write({ fields: lies, client: { encrypted: true, localPort: 443 } });
    assert.equal(head.includes('8.8.8.8') || head.includes('evil'), false);
    assert.equal(field(head, 'x-forwarded-proto'), 'https');
    assert.equal(field(head, 'x-forwarded-port'), '443');
  });

  test('goes on with what trusted proxies said', () => {
    const exchange = new FakeExchange({
      fields: ['X-Real-IP', '10.9.9.9', 'X-Forwarded-Prefix', '/app'],
      client: { address: '10.0.0.2' },
    });
    exchange.clientAddress = '203.0.113.7';
    exchange.forwarded = { chain: ['203.0.113.7', '10.0.0.1'], proto: 'https', host: 'shop.example', port: '443' };
    const head = write(exchange, { forwarded: true }, endpoint('localhost', 0, { path: '/tmp/w', slot: 0 }));
    assert.equal(field(head, 'x-forwarded-for'), '203.0.113.7, 10.0.0.1, 10.0.0.2');
    assert.equal(field(head, 'x-forwarded-proto'), 'https');
    assert.equal(field(head, 'x-forwarded-host'), 'shop.example');
    assert.equal(field(head, 'x-forwarded-port'), '443');
    assert.equal(field(head, 'x-forwarded-prefix'), '/app');
    assert.equal(field(head, 'x-real-ip'), '203.0.113.7');
    assert.equal(
      field(head, 'forwarded'),
      'for=203.0.113.7;host="shop.example";proto=https, for=10.0.0.1, for=10.0.0.2',
    );
    assert.equal(
      field(head, 'x-multiserver-client'),
      'https;203.0.113.7;0;8080',
      "the client's port is known to nobody",
    );
  });

  test('quotes IPv6 addresses in Forwarded', () => {
    const head = write({ client: { address: '2001:db8::1' }, authority: '' }, { forwarded: true });
    assert.equal(field(head, 'forwarded'), 'for="[2001:db8::1]";proto=http');
    assert.equal(field(head, 'x-forwarded-for'), '2001:db8::1');
    assert.equal(field(head, 'x-forwarded-host'), undefined);
  });

  test("tells the client's address to own workers only", () => {
    const worker = endpoint('', 0, { path: '/tmp/w.sock', slot: 3 });
    assert.equal(field(write({}, {}, worker), 'x-multiserver-client'), 'http;192.0.2.1;40000;8080');
    assert.equal(field(write({}), 'x-multiserver-client'), undefined);
  });

  test("has the endpoint's own name without preserveHost, and when an old client sent none", () => {
    const own = { preserveHost: false };
    assert.equal(field(write({}, own), 'host'), '10.0.0.7:8080');
    assert.equal(field(write({}, own, endpoint('a.example', 80)), 'host'), 'a.example');
    assert.equal(field(write({}, own, endpoint('a.example', 443, { secure: true })), 'host'), 'a.example');
    assert.equal(field(write({}, own, endpoint('::1', 81)), 'host'), '[::1]:81');
    assert.equal(field(write({ authority: '' }), 'host'), '10.0.0.7:8080');
    assert.equal(field(write({}, own, endpoint('', 0, { path: '/tmp/s' })), 'host'), 'localhost');
  });

  test('adds to Via, with the version that was received', () => {
    const exchange = new FakeExchange({ fields: ['Via', '1.1 a', 'Via', '1.1 b'] });
    exchange.minor = 0;
    assert.equal(field(write(exchange), 'via'), '1.1 a, 1.1 b, 1.0 multiserver');
  });

  test('counts Max-Forwards down for OPTIONS and TRACE', () => {
    assert.equal(field(write({ method: 'OPTIONS', target: '*', fields: ['Max-Forwards', '10'] }), 'max-forwards'), '9');
    assert.equal(field(write({ method: 'TRACE', fields: ['Max-Forwards', 'many'] }), 'max-forwards'), 'many');
    assert.equal(field(write({ fields: ['Max-Forwards', '10'] }), 'max-forwards'), '10');
  });

  test('passes traceparent and unknown fields on, for any fields a parser lets through', () => {
    const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,12}$/).map((s) => `Q-${s}`);
    const value = fc.stringMatching(/^[!-~\u00a1-\u00ff]{0,20}$/);
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 8 }), (pairs) => {
        const head = write({ fields: ['traceparent', '00-a-b-01', ...pairs.flat()] });
        const lines = head.split('\r\n');
        const copied = lines.filter((line) => line.startsWith('Q-'));
        assert.deepEqual(
          copied,
          pairs.map(([n, v]) => `${n}: ${v}`),
        );
        assert.equal(field(head, 'traceparent'), '00-a-b-01');
        assert.deepEqual(lines.slice(-2), ['', '']);
        assert.equal(
          lines.slice(1, -2).every((line) => /^[^:\s]+: /.test(line)),
          true,
        );
      }),
    );
  });
});
