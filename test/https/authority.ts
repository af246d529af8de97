import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(webcrypto as never);

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY = 86_400_000;

export interface Issued {
  readonly cert: string;
  readonly key: string;
}

export interface Wish {
  /** DNS names; an IP address is recognised. */
  readonly names: readonly string[];
  /** From now; negative: it has expired. */
  readonly days?: number;
}

const newKeys = () => webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

/** A certificate authority of the tests' own. */
export class Authority {
  readonly cert: string;
  readonly #certificate: x509.X509Certificate;
  readonly #keys: webcrypto.CryptoKeyPair;

  private constructor(certificate: x509.X509Certificate, keys: webcrypto.CryptoKeyPair) {
    this.#certificate = certificate;
    this.cert = certificate.toString('pem');
    this.#keys = keys;
  }

  static async create(): Promise<Authority> {
    const keys = await newKeys();
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: randomBytes(8).toString('hex'),
      name: `CN=Authority of the tests ${randomBytes(4).toString('hex')}`,
      notBefore: new Date(Date.now() - 10 * DAY),
      notAfter: new Date(Date.now() + 10 * DAY),
      signingAlgorithm: ALGORITHM,
      keys: keys as never,
      extensions: [new x509.BasicConstraintsExtension(true, 1, true)],
    });
    return new Authority(certificate, keys);
  }

  async issue({ names, days = 5 }: Wish): Promise<Issued> {
    const keys = await newKeys();
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: randomBytes(8).toString('hex'),
      subject: `CN=${names[0]}`,
      issuer: this.#certificate.subject,
      notBefore: new Date(Date.now() - 9 * DAY),
      notAfter: new Date(Date.now() + days * DAY),
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey as never,
      signingKey: this.#keys.privateKey as never,
      extensions: [
        new x509.SubjectAlternativeNameExtension(
          names.map((value) => ({ type: /^[\d.]+$/.test(value) ? 'ip' : 'dns', value })),
        ),
      ],
    });
    return { cert: `${certificate.toString('pem')}\n${this.cert}\n`, key: await pemOf(keys.privateKey) };
  }
}
