import { constants, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { MultiserverError } from '../errors.js';
import type { CertificateSource } from '../options.js';
import { isPem, readPem } from '../util/pem.js';

/** A certificate that was checked. */
export interface Certificate {
  /** What a server or context is made of. */
  readonly options: SecureContextOptions;
  /** DNS names and addresses it is for, in lower case. */
  readonly names: readonly string[];
  readonly validFrom: Date;
  readonly validTo: Date;
}

/** What every context has in common: Mozilla's "intermediate" without the suites that are not AEAD. */
export const TLS_CONTEXT: SecureContextOptions = {
  minVersion: 'TLSv1.2',
  ciphers: [
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
    'ECDHE-RSA-CHACHA20-POLY1305',
  ].join(':'),
  ecdhCurve: 'X25519:P-256:P-384',
  honorCipherOrder: true,
  // Renegotiation has no use in HTTP, and lets one client make a server compute for a hundred.
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_PRIORITIZE_CHACHA,
  // The same in every process, or a session of one could not be resumed at another.
  sessionIdContext: 'multiserver',
};

const BLOCK = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[\s\S]+?-----END (?:X509 |TRUSTED )?CERTIFICATE-----/g;

/**
 * Reads and checks a certificate: the key fits, each certificate of the chain is signed by the next, the leaf is valid now. What reads as
 * `known` did is that one.
 * @throws MultiserverError MS_BAD_CERTIFICATE saying what is wrong with which file.
 */
export function loadCertificate(
  source: CertificateSource,
  now: number,
  known?: Certificate,
  acceptExpired = false,
): Certificate {
  const where = isPem(source.cert) ? 'The certificate' : `The certificate ${source.cert}`;
  const refuse = (what: string, cause?: unknown) => bad(`${where} ${what}.`, cause);
  const pem = readPem(source.cert, 'certificate', bad).toString('latin1');
  const keyPem = readPem(source.key, 'private key', bad).toString('latin1');
  if (known?.options.cert === pem && known.options.key === keyPem) return known;
  const chain: X509Certificate[] = [];
  for (const block of pem.match(BLOCK) ?? []) {
    try {
      chain.push(new X509Certificate(block));
    } catch (cause) {
      throw refuse(`cannot be read: number ${chain.length + 1} of the file is no valid X.509 certificate`, cause);
    }
  }
  const leaf = chain[0];
  if (leaf === undefined) throw refuse('is no PEM file: it has no "-----BEGIN CERTIFICATE-----"');
  const key = readKey(source, keyPem);
  if (!leaf.checkPrivateKey(key)) throw refuse('does not belong to the private key that was given with it');
  for (let i = 0; i + 1 < chain.length; i++) {
    const issuer = chain[i + 1]!;
    if (chain[i]!.checkIssued(issuer) && chain[i]!.verify(issuer.publicKey)) continue;
    throw refuse(
      `has a broken chain: number ${i + 1} (${subjectOf(chain[i]!)}) was not issued by the one that follows it (${subjectOf(issuer)})`,
    );
  }
  const validFrom = new Date(leaf.validFrom);
  const validTo = new Date(leaf.validTo);
  if (now < validFrom.getTime()) throw refuse(`is not valid before ${validFrom.toISOString()}`);
  if (now > validTo.getTime() && !acceptExpired) throw refuse(`expired on ${validTo.toISOString()}: renew it`);
  try {
    const { passphrase } = source;
    const options = { ...TLS_CONTEXT, cert: pem, key: keyPem, ...(passphrase === undefined ? {} : { passphrase }) };
    // To see whether it can be; it is made again when a client wants it.
    createSecureContext(options);
    return { options, names: namesOf(leaf), validFrom, validTo };
  } catch (cause) {
    throw refuse(`cannot be used: ${(cause as Error).message}`, cause);
  }
}

const bad = (message: string, cause: unknown) => new MultiserverError('MS_BAD_CERTIFICATE', message, { cause });

function readKey({ key, passphrase }: CertificateSource, pem: string): KeyObject {
  const where = isPem(key) ? 'The private key' : `The private key ${key}`;
  try {
    return createPrivateKey({ key: pem, ...(passphrase === undefined ? {} : { passphrase }) });
  } catch (cause) {
    const encrypted = pem.includes('ENCRYPTED');
    const why = !encrypted
      ? 'is no valid PEM key'
      : passphrase === undefined
        ? 'is encrypted: give its passphrase'
        : 'cannot be decrypted with this passphrase';
    throw new MultiserverError('MS_BAD_CERTIFICATE', `${where} ${why}.`, { cause });
  }
}

function subjectOf(certificate: X509Certificate): string {
  return certificate.subject?.replaceAll('\n', ', ') || 'without subject';
}

/** RFC 9110 §4.3.4: only subjectAltName counts. */
function namesOf({ subjectAltName }: X509Certificate): string[] {
  return Array.from((subjectAltName ?? '').matchAll(/(?:^|, )(?:DNS|IP Address):([^,"\s]+)/g), (match) =>
    match[1]!.toLowerCase(),
  );
}
