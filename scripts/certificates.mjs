// Certificates of an authority that lives as long as a run of a script: issued by the command openssl.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';

const KEYS = { rsa: ['rsa:2048'], ecdsa: ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] };
const DAYS = '89';

/** Makes the authority's own files in `folder`; returns its certificate's path. */
export function createAuthority(folder) {
  const ca = `${folder}/ca.crt`;
  openssl([
    'req',
    '-x509',
    ...newKey('ecdsa', `${folder}/ca.key`),
    '-out',
    ca,
    '-days',
    DAYS,
    '-subj',
    '/CN=Authority',
  ]);
  return ca;
}

/** Key and certificate of `name`, `kind` being one of rsa and ecdsa: paths as `https` takes them. */
export function issue(folder, name, kind) {
  const [cert, key, request, extensions] = ['crt', 'key', 'csr', 'ext'].map((ending) => `${folder}/${kind}.${ending}`);
  const names = `DNS:${name}, IP:127.0.0.1`;
  writeFileSync(extensions, `subjectAltName=${names}\nkeyUsage=digitalSignature\nextendedKeyUsage=serverAuth\n`);
  openssl(['req', ...newKey(kind, key), '-out', request, '-subj', `/CN=${name}`]);
  const authority = ['-CA', `${folder}/ca.crt`, '-CAkey', `${folder}/ca.key`, '-CAcreateserial'];
  openssl(['x509', '-req', '-in', request, ...authority, '-out', cert, '-days', DAYS, '-extfile', extensions]);
  return { cert, key };
}

function newKey(kind, path) {
  return ['-newkey', ...KEYS[kind], '-nodes', '-keyout', path];
}

function openssl(args) {
  const { status, stderr, error } = spawnSync('openssl', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`openssl ${args[0]} failed: ${error?.message ?? stderr}`);
}
