import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ERRORS, type ErrorCode } from '../errors.js';
import { BODY_LENGTH, BODY_NONE } from '../exchange.js';
import { FakeExchange } from './exchange.test.fake.js';
import type { ErrorPage } from '../option-types.js';
import { errorAnswer, lastHopAnswer, sendOwnAnswer } from './own-answers.js';

const page: ErrorPage = ({ status }) => (status === 503 ? { contentType: 'text/plain', body: 'back soon' } : undefined);

describe('an answer of the balancer itself', () => {
  test('is JSON with code and request id for a client that does not name HTML', () => {
    for (const fields of [[], ['Accept', '*/*'], ['Accept', 'application/json, text/html']]) {
      const exchange = new FakeExchange({ fields });
      sendOwnAnswer(exchange, errorAnswer(exchange, 'MS_NO_ENDPOINT'), 'GET');
      assert.equal(exchange.status, 503);
      assert.equal(exchange.sent('content-type'), 'application/json');
      assert.equal(exchange.sent('retry-after'), '1');
      assert.equal(exchange.sentBody, BODY_LENGTH);
      assert.equal(exchange.sentLength, Buffer.byteLength(exchange.text));
      assert.deepEqual(JSON.parse(exchange.text), {
        status: 503,
        code: 'MS_NO_ENDPOINT',
        message: ERRORS.MS_NO_ENDPOINT.message,
        requestId: exchange.requestId,
      });
      assert.equal(exchange.sent('x-request-id'), exchange.requestId);
      assert.equal(exchange.ended, true);
    }
  });

  test('is HTML for a browser, with nothing in it that could become markup', () => {
    const exchange = new FakeExchange({ fields: ['Accept', 'text/html,application/xhtml+xml,*/*;q=0.8'] });
    exchange.requestId = '<script>"&\'';
    const answer = errorAnswer(exchange, 'MS_BAD_TARGET', '<b>');
    const text = answer.body.toString();
    assert.match(text, /400 Bad Request/);
    assert.match(text, /MS_BAD_TARGET/);
    assert.match(text, /&#60;b&#62;/);
    assert.equal(/<script|<b>/.test(text), false);
  });

  test('can be made for a request that could not be read', () => {
    const answer = errorAnswer(null, 'MS_BAD_REQUEST_LINE');
    assert.deepEqual(JSON.parse(answer.body.toString()), {
      status: 400,
      code: 'MS_BAD_REQUEST_LINE',
      message: ERRORS.MS_BAD_REQUEST_LINE.message,
    });
  });

  test('says which methods are allowed with 405', () => {
    const answer = errorAnswer(null, 'MS_METHOD_NOT_ALLOWED');
    assert.equal(
      answer.head.pairs[answer.head.pairs.indexOf('Allow') + 1],
      'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS',
    );
  });

  test('has a status of its own for every error', () => {
    for (const code of Object.keys(ERRORS) as ErrorCode[]) {
      const { status, reason } = errorAnswer(null, code);
      assert.equal(status, ERRORS[code].status || 500);
      assert.notEqual(reason, '');
    }
  });

  test('tells HEAD its length and sends no body', () => {
    const exchange = new FakeExchange({ method: 'HEAD' });
    const answer = errorAnswer(exchange, 'MS_TIMEOUT');
    sendOwnAnswer(exchange, answer, 'HEAD');
    assert.equal(exchange.sentBody, BODY_NONE);
    assert.equal(exchange.sentLength, answer.body.length);
    assert.equal(exchange.text, '');
  });

  test("can be the user's page", () => {
    assert.equal(errorAnswer(null, 'MS_NO_ENDPOINT', undefined, page).body.toString(), 'back soon');
    assert.match(errorAnswer(null, 'MS_TIMEOUT', undefined, page).body.toString(), /MS_TIMEOUT/);
  });

  test('ends OPTIONS and TRACE whose Max-Forwards is 0', () => {
    const zero = ['Max-Forwards', '0'];
    assert.equal(lastHopAnswer(new FakeExchange({ method: 'OPTIONS', fields: zero }))?.status, 200);
    assert.equal(lastHopAnswer(new FakeExchange({ method: 'TRACE', fields: zero }))?.status, 405);
    assert.equal(lastHopAnswer(new FakeExchange({ method: 'GET', fields: zero })), undefined);
    assert.equal(lastHopAnswer(new FakeExchange({ method: 'OPTIONS', fields: ['Max-Forwards', '1'] })), undefined);
    assert.equal(lastHopAnswer(new FakeExchange({ method: 'OPTIONS' })), undefined);
  });
});
