import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renewalOf } from './kept.js';

const DAY = 86_400_000;

test('a certificate of 90 days is renewed after 60, or up to three days earlier', () => {
  const certificate = { validFrom: new Date(0), validTo: new Date(90 * DAY) };
  assert.equal(renewalOf(certificate, () => 0) / DAY, 60);
  assert.equal(Math.round(renewalOf(certificate, () => 1) / DAY), 57);
});
