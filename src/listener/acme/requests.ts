import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { bitString, der, integer, octetString, oid, sequence, setOf, text, TRUE, utcTime } from './der.js';

const ECDSA_WITH_SHA256 = sequence(oid('1.2.840.10045.4.3.2'));
const EXTENSION_REQUEST = oid('1.2.840.113549.1.9.14');
const SUBJECT_ALT_NAME = oid('2.5.29.17');
const COMMON_NAME = oid('2.5.4.3');
const ACME_IDENTIFIER = oid('1.3.6.1.5.5.7.1.31');
const DAY = 86_400_000;

/** A request for a certificate (PKCS #10, RFC 2986) in DER. Names stand in subjectAltName only, where alone they count. */
export function certificateRequest(name: string, key: KeyObject): Buffer {
  const info = sequence(
    integer(0),
    sequence(),
    createPublicKey(key).export({ type: 'spki', format: 'der' }),
    der(0xa0, sequence(EXTENSION_REQUEST, setOf(sequence(altName(name))))),
  );
  return signed(info, key);
}

/** The certificate that answers a challenge by TLS (RFC 8737 §3), and its key, as PEM. Nobody but the authority is ever shown it. */
export function challengeCertificate(name: string, authorization: string, now: number): { cert: string; key: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const subject = sequence(setOf(sequence(COMMON_NAME, text('ACME challenge'))));
  const proof = octetString(createHash('sha256').update(authorization).digest());
  const content = sequence(
    der(0xa0, integer(2)),
    integer(1),
    ECDSA_WITH_SHA256,
    subject,
    sequence(utcTime(new Date(now - DAY)), utcTime(new Date(now + DAY))),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(altName(name), sequence(ACME_IDENTIFIER, TRUE, octetString(proof)))),
  );
  // An empty line would end what PEM takes for its head.
  const body = signed(content, privateKey)
    .toString('base64')
    .match(/.{1,64}/g)!
    .join('\n');
  const cert = `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`;
  return { cert, key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

/** `content` with the signature of an elliptic key. */
function signed(content: Buffer, key: KeyObject): Buffer {
  return sequence(content, ECDSA_WITH_SHA256, bitString(sign('sha256', content, key)));
}

function altName(name: string): Buffer {
  return sequence(SUBJECT_ALT_NAME, octetString(sequence(der(0x82, Buffer.from(name)))));
}
