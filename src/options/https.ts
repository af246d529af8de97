import type { SecureContext } from 'node:tls';
import type { z } from 'zod';
import type { CertificateSource, HttpsOptions, ResolvedHttps } from '../option-types.js';
import * as row from '../util/option-rows.js';

const anyText = () => true;

export const HTTPS = {
  cert: row.pem('Certificate with its chain.', 'none', '--https-cert <file>'),
  key: row.pem('Private key of the certificate.', 'none', '--https-key <file>'),
  passphrase: row.text('a text', anyText, 'none', 'What the private key is encrypted with.'),
  certificates: row.records<CertificateSource>(
    "a list of objects with 'cert', 'key' and maybe 'passphrase'",
    isCertificateSource,
    'More certificates; clients get the one for the name they ask for (SNI), or the first.',
  ),
  context: row.callback<(servername: string) => SecureContext | undefined>(
    '(servername) => SecureContext or undefined',
    'Chooses the TLS context of a connection; undefined: by the names of the certificates.',
  ),
  handshakeTimeout: row.duration('10s', '1ms', '24h', 'To complete a TLS handshake; then the connection is closed.'),
  ticketKeys: row.text(
    'the path of a file',
    anyText,
    'none: new keys at each start',
    "File of the keys that encrypt clients' session tickets, made when it is missing; to be shared by processes that stand behind one address.",
    '--https-ticket-keys <file>',
  ),
} satisfies Record<keyof HttpsOptions, z.ZodType>;

export function resolveHttps(
  https: z.output<z.ZodObject<typeof HTTPS>>,
  fail: (message: string) => Error,
): ResolvedHttps {
  const { cert, key, passphrase, certificates: more, context, handshakeTimeout, ticketKeys } = https;
  if ((cert === undefined) !== (key === undefined)) {
    const [given, missing] = cert === undefined ? ['key', 'cert'] : ['cert', 'key'];
    throw fail(`Option "https.${given}" was given without "https.${missing}"; both are needed.`);
  }
  const certificates = (cert === undefined ? more : [{ cert, key: key!, passphrase }, ...more]).map(
    ({ cert: c, key: k, passphrase: p }) => ({ cert: textOf(c), key: textOf(k), passphrase: p }),
  );
  if (certificates.length === 0 && context !== undefined) {
    throw fail('Option "https.context" needs a certificate beside it, for clients that name no host.');
  }
  return { certificates, context, handshakeTimeout, ticketKeys };
}

const textOf = (pem: string | Buffer): string => (typeof pem === 'string' ? pem : pem.toString('latin1'));

function isCertificateSource(item: unknown): item is CertificateSource {
  if (typeof item !== 'object' || item === null) return false;
  const { cert, key, passphrase, ...rest } = item as CertificateSource;
  return (
    [cert, key].every((value) => (typeof value === 'string' && value !== '') || Buffer.isBuffer(value)) &&
    (passphrase === undefined || typeof passphrase === 'string') &&
    Object.keys(rest).length === 0
  );
}
