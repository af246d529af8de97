import assert from 'node:assert/strict';
import { test } from 'node:test';
import { discoveryByUrl } from './by-url.js';

test('names, services and files are told apart from endpoints', () => {
  for (const [url, name] of [
    ['dns://api.internal:8080', 'dns://api.internal:8080'],
    ['DNS://api', 'dns://api:80'],
    ['dns://api:8080/?refresh=500ms', 'dns://api:8080'],
    ['dns+srv://_http._tcp.api', 'dns+srv://_http._tcp.api'],
    ['dns+srv://_http._tcp.api?refresh=1000', 'dns+srv://_http._tcp.api'],
    ['file:endpoints.txt', 'file:endpoints.txt'],
    ['file:///etc/endpoints', 'file:/etc/endpoints'],
    ['http://api:80', undefined],
    ['unix:/run/app', undefined],
  ] as const) {
    assert.equal(discoveryByUrl(url)?.name, name, url);
  }
});

test('what is neither is refused, with what may be written', () => {
  for (const url of [
    'dns:api',
    'dns://',
    'dns://a:0',
    'dns://a:65536',
    'dns://a/b',
    'dns://a?refresh=',
    'dns+srv://a:80',
    'dns+srv:a',
    'file:',
  ]) {
    assert.throws(
      () => discoveryByUrl(url),
      { code: 'MS_INVALID_OPTION', message: /names no endpoints: write dns:\/\// },
      url,
    );
  }
  assert.throws(() => discoveryByUrl('dns://a:80?refresh=soon'), { message: /"refresh" must be a duration/ });
});
