import { SHELLS } from '../completion.js';
import { DONE } from '../exit-codes.js';
import { usageError } from '../usage-error.js';
import type { CommandRow } from './index.js';

/** `completion <shell>` */
export async function completion(shell: string, commands: readonly CommandRow[]): Promise<number> {
  const write = Object.hasOwn(SHELLS, shell) ? SHELLS[shell] : undefined;
  if (!write) throw usageError(`There is completion for ${Object.keys(SHELLS).join(', ')}; not for '${shell}'.`);
  process.stdout.write(write(commands));
  return DONE;
}
