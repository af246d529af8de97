import { MultiserverError } from '../../errors.js';

/** What an authority says of an error (RFC 7807, RFC 8555 §6.7). */
export interface Problem {
  readonly type?: string;
  readonly detail?: string;
  readonly subproblems?: readonly Problem[];
}

/** `message` continues "There is no certificate: …". */
export function acmeFailure(message: string, cause?: unknown, retryAfter = 0): MultiserverError {
  return new MultiserverError('MS_ACME_FAILED', message, { cause, retryAfter });
}

/** For people: what happened, and the name of the error to look it up. */
export function describeProblem(problem: Problem | undefined): string {
  const { type = '', detail = '', subproblems = [] } = problem ?? {};
  const parts = [detail, ...subproblems.map((part) => part.detail ?? '')].filter((part) => part !== '');
  const name = type.replace(/^urn:ietf:params:acme:error:/, '');
  const what = parts.join('; ') || 'it did not say why';
  return name === '' ? what : `${what} (${name})`;
}
