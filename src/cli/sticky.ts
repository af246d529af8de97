import { STICKY_SESSION, stickySession, type AlgorithmFactory, type KeyBy } from '../index.js';
import { usageError } from './usage-error.js';
import type { Given } from './values.js';

/** What `--sticky` and `--sticky-secret` make of `--algorithm`; undefined: neither was given. */
export function stickyAlgorithm({ values, sources }: Given): AlgorithmFactory | undefined {
  const by = values.get('sticky') as 'cookie' | KeyBy | undefined;
  const secret = values.get('stickySecret') as string | undefined;
  const over = values.get('algorithm') as AlgorithmFactory | undefined;
  if (by === undefined && secret === undefined) return undefined;
  if (by === undefined && over !== STICKY_SESSION) {
    throw usageError(`${sources.get('stickySecret')} signs a cookie that nothing asks for: add --sticky cookie.`);
  }
  if (secret !== undefined && (by ?? 'cookie') !== 'cookie') {
    throw usageError(`${sources.get('stickySecret')} signs the cookie of --sticky cookie; there is none with '${by}'.`);
  }
  if (secret !== undefined && secret.length < 16) {
    throw usageError(`${sources.get('stickySecret')} must be a text of at least 16 characters.`);
  }
  const options = {
    ...(by === undefined ? {} : { by }),
    ...(secret === undefined ? {} : { secret }),
    ...(over === undefined || over === STICKY_SESSION ? {} : { over }),
  };
  try {
    return stickySession(options);
  } catch {
    throw usageError(
      `${sources.get('sticky')} must be cookie, ip, path, sid, header:NAME or cookie:NAME; it is '${by as string}'.`,
    );
  }
}
