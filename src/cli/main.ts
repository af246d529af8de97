#!/usr/bin/env node
import { CommanderError, type Command } from 'commander';
import { DONE } from './exit-codes.js';
import { explain } from './problems.js';
import { createProgram } from './program.js';
import type { Given } from './values.js';

process.exit(await main(process.argv.slice(2)));

async function main(argv: readonly string[]): Promise<number> {
  // What follows the first `--` is never ours; commander would mix it with the operands.
  const dashes = argv.indexOf('--');
  const ours = dashes < 0 ? argv : argv.slice(0, dashes);
  let given: Given | undefined;
  let exitCode = DONE;
  const program = createProgram(
    dashes < 0 ? [] : argv.slice(dashes + 1),
    (known) => (given = known),
    (code) => (exitCode = code),
  );
  for (const command of [program, ...program.commands]) quiet(command);
  try {
    await program.parseAsync(ours, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return DONE; // --help, --version
    if (error instanceof CommanderError && error.code === 'commander.help') return 2;
    const problem = await explain(error, given);
    const debug =
      given?.values.get('debug') === true || argv.includes('--debug') || process.env.MULTISERVER_DEBUG === 'true';
    const details = debug ? `\n${(error as Error).stack}` : problem.details && `\n${problem.details}`;
    process.stderr.write(`multiserver: ${problem.message}${details}\n`);
    return problem.exitCode;
  }
}

/** Errors are thrown and worded in one place, `problems.ts`. */
function quiet(command: Command): void {
  command.exitOverride().configureOutput({ outputError: () => {} });
}
