import { MultiserverError } from '../index.js';

/** The command line, the environment or a file it names is wrong: exit code 2. */
export const usageError = (message: string, cause?: unknown): MultiserverError =>
  new MultiserverError('MS_INVALID_OPTION', message, { cause });
