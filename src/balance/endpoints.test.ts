import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Endpoint } from './endpoint.js';
import { Endpoints } from './endpoints.js';
import { poolOf } from './fixtures.test.js';

const ignore = (): void => {};
const start = () => new Endpoints(poolOf([]).pool, ignore, ignore);

test('what is no endpoint, or says of it what nobody knows, is refused by its URL and by name', () => {
  for (const [url, init, message] of [
    [undefined, {}, /by its URL, not by undefined/],
    [{ url: 'http://a' }, {}, /by its URL, not by \{ url: 'http:\/\/a' \}/],
    ['http://a:0', {}, /"http:\/\/a:0" is no endpoint/],
    ['http://a', { wieght: 1 }, /^Endpoint http:\/\/a:80: Option "wieght" is unknown; did you mean "weight"/],
    ['http://a', { weight: 0 }, /"weight" must be a number above 0; it is 0/],
    ['http://a', { weight: Infinity }, /"weight" must be a number above 0/],
    ['http://a', { priority: 0.5 }, /"priority" must be a whole number/],
    ['http://a', { proxyProtocol: 3 }, /"proxyProtocol" must be 0 or 1 or 2/],
    ['http://a', { tls: { insecure: 'yes' } }, /"tls.insecure" must be true or false/],
    ['http://a', null, /Options must be an object/],
  ] as const) {
    assert.throws(() => start().add(url as string, init as object), { code: 'MS_INVALID_OPTION', message });
  }
});

test("what is no endpoint of this pool is refused, another pool's too; one that is gone is past all harm", () => {
  const endpoints = start();
  const own = endpoints.add('http://a');
  const other = start().add('http://b');
  for (const [what, message] of [
    [undefined, /There is no endpoint "undefined"; there are: http:\/\/a:80/],
    [5, /There is no endpoint "5"/],
    ['http://b', /There is no endpoint "http:\/\/b"/],
    [other, /There is no endpoint "http:\/\/b:80"/],
  ] as const) {
    for (const method of ['drain', 'maintenance', 'resume', 'remove'] as const) {
      assert.throws(() => endpoints[method](what as Endpoint), { code: 'MS_INVALID_OPTION', message });
    }
    assert.throws(() => endpoints.setWeight(what as Endpoint, 2), { message });
  }
  assert.equal(other.state, 'ready');
  endpoints.remove(own);
  endpoints.drain(own);
  assert.equal(own.state, 'gone');
});

test('what is no discovery is refused', async () => {
  for (const what of [undefined, {}, { start: ignore }]) {
    await assert.rejects(start().discover(what as never), { code: 'MS_INVALID_OPTION', message: /is no discovery/ });
  }
});
