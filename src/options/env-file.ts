import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { MultiserverError } from '../errors.js';

/** The variables of `envFile`; what is set already wins over them. */
export function readEnvFile(path: string): Record<string, string> {
  try {
    const variables = Object.entries(parseEnv(readFileSync(path, 'utf8')) as Record<string, string>);
    return Object.fromEntries(variables.filter(([name]) => process.env[name] === undefined));
  } catch (cause) {
    throw new MultiserverError(
      'MS_INVALID_OPTION',
      `Option "envFile" must be a file that can be read; ${path} cannot (${(cause as NodeJS.ErrnoException).code}).`,
      { cause },
    );
  }
}
