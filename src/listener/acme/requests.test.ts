import 'reflect-metadata';
import assert from 'node:assert/strict';
import { createHash, createPrivateKey, generateKeyPairSync, webcrypto, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import * as x509 from '@peculiar/x509';
import { certificateRequest, challengeCertificate } from './requests.js';

x509.cryptoProvider.set(webcrypto as never);

/** Of all lengths that DER and PEM write in one way or another. */
const NAMES = [0, 1, 2, 20, 21, 22, 40, 41, 60, 61, 62, 63, 64, 100, 120].map(
  (labels) => `${'y.'.repeat(labels)}example`,
);

test('a request is signed by its key, and names what it is for in subjectAltName alone', async () => {
  for (const name of NAMES) {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const request = new x509.Pkcs10CertificateRequest(certificateRequest(name, privateKey));
    assert.ok(await request.verify());
    assert.equal(request.subject, '');
    const [extension] = request.extensions;
    assert.deepEqual((extension as x509.SubjectAlternativeNameExtension).names.toJSON(), [
      { type: 'dns', value: name },
    ]);
  }
});

test('the certificate of a challenge is for the name, and holds the digest of the authorization in a critical extension', () => {
  const now = Date.UTC(2026, 0, 2, 3, 4, 5);
  for (const name of NAMES) {
    const { cert, key } = challengeCertificate(name, 'token.thumbprint', now);
    const read = new X509Certificate(cert);
    assert.ok(read.checkPrivateKey(createPrivateKey(key)) && read.verify(read.publicKey));
    assert.equal(read.subjectAltName, `DNS:${name}`);
    assert.equal(new Date(read.validFrom).getTime(), now - 86_400_000);
    const extension = new x509.X509Certificate(cert).getExtension('1.3.6.1.5.5.7.1.31')!;
    const digest = createHash('sha256').update('token.thumbprint').digest();
    assert.ok(extension.critical);
    assert.deepEqual(Buffer.from(extension.value), Buffer.concat([Buffer.of(4, 32), digest]));
  }
});
