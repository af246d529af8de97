import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { SecureContext } from 'node:tls';
import type { z } from 'zod';
import type {
  AcmeChallenge,
  AcmeOptions,
  CertificateSource,
  HttpsOptions,
  ResolvedAcme,
  ResolvedHttps,
} from '../option-types.js';
import * as row from '../util/option-rows.js';
import { group } from '../util/option-table.js';

const anyText = () => true;

const LETS_ENCRYPT = 'https://acme-v02.api.letsencrypt.org/directory';
const CHALLENGES: readonly string[] = ['http-01', 'tls-alpn-01'] satisfies AcmeChallenge[];

const ACME = {
  domains: row.list(
    "a list of host names such as 'www.example.com', without wildcards",
    isDomain,
    'Names to get certificates for from an authority, and to renew them in time.',
    '--acme-domain <name,…>',
  ),
  email: row.text(
    'an e-mail address',
    (email) => /^[^\s@,;?]+@[^\s@,;?]+$/.test(email),
    'none',
    'Where the authority writes to when something is wrong.',
    '--acme-email <address>',
  ),
  directory: row.text(
    "a URL that begins with 'https://'",
    (url) => URL.canParse(url) && new URL(url).protocol === 'https:',
    `'${LETS_ENCRYPT}'`,
    'Directory of the authority (ACME, RFC 8555).',
    '--acme-directory <url>',
  ),
  ca: row.pem(
    'Authorities that are trusted for that URL, instead of those of the system.',
    'those of the system',
    '--acme-ca <file>',
  ),
  storage: row.text(
    'the path of a folder',
    anyText,
    '~/.local/share/multiserver/acme',
    "Where the account's key and the certificates are kept; processes may share it.",
    '--acme-storage <dir>',
  ),
  challenge: row.text(
    "'http-01' or 'tls-alpn-01'",
    (challenge) => CHALLENGES.includes(challenge),
    'whichever the addresses allow, http-01 first',
    'How the authority sees that the names are ours: at port 80 by HTTP, or at port 443 by TLS.',
    '--acme-challenge <type>',
  ),
  backoff: row.duration(
    '1m',
    '100ms',
    '24h',
    'Pause after an attempt that failed, three times as long after each more, ± 20 %.',
    '--acme-backoff <t>',
  ),
  maxBackoff: row.duration('6h', '100ms', '24h', 'The most of that pause.', '--acme-max-backoff <t>'),
} satisfies Record<keyof AcmeOptions, z.ZodType>;

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
  acme: group(ACME),
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
  if (certificates.length === 0 && https.acme.domains.length === 0 && context !== undefined) {
    throw fail('Option "https.context" needs a certificate beside it, for clients that name no host.');
  }
  return { certificates, context, handshakeTimeout, ticketKeys, acme: resolveAcme(https.acme, fail) };
}

function resolveAcme(acme: z.output<z.ZodObject<typeof ACME>>, fail: (message: string) => Error): ResolvedAcme {
  const { domains, directory = LETS_ENCRYPT, storage, challenge, ...rest } = acme;
  const { email, ca } = rest;
  const [given] =
    Object.entries({ email, directory: acme.directory, ca, storage, challenge }).find(
      ([, value]) => value !== undefined,
    ) ?? [];
  if (given !== undefined && domains.length === 0)
    throw fail(
      `Option "https.acme.${given}" was given without "https.acme.domains": the names to get certificates for.`,
    );
  return {
    ...rest,
    email,
    ca,
    domains: [...new Set(domains.map((name) => name.toLowerCase()))],
    directory,
    // What one authority gave must not be taken for another's: a test one's certificates are of no use.
    storage: join(resolve(storage ?? defaultStorage()), folderOf(directory)),
    challenge: challenge as AcmeChallenge | undefined,
  };
}

function defaultStorage(): string {
  return join(process.env['XDG_DATA_HOME'] || join(homedir(), '.local/share'), 'multiserver/acme');
}

function folderOf(directory: string): string {
  const { host, pathname } = new URL(directory);
  return `${host}${pathname}`.replace(/[^A-Za-z0-9.]+/g, '-').replace(/^[-.]+|[-.]+$/g, '');
}

/** A name of at least two labels; a wildcard cannot be proved by HTTP or TLS. */
function isDomain(item: unknown): boolean {
  if (typeof item !== 'string' || item.length > 253 || /^[\d.]+$/.test(item)) return false;
  const labels = item.split('.');
  return labels.length > 1 && labels.every((label) => /^(?!-)[A-Za-z0-9-]{1,63}(?<!-)$/.test(label));
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
