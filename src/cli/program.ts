import { Command, Option } from 'commander';
import { COMMANDS } from './commands/index.js';
import { addConfig } from './config.js';
import { EXIT_CODES } from './exit-codes.js';
import { CONFIG, type FlagRow } from './flags.js';
import { readGiven, type Given } from './values.js';
import { VERSION } from '../index.js';

const EXAMPLES = `
Examples:
  multiserver start app.js                       one worker per core, on the port the app asks for
  multiserver start app.js -w 4 -p 3000          four workers, on port 3000
  multiserver start -p 8000 -- python3 app.py    any command that listens on the port in $PORT
  multiserver proxy http://10.0.0.7:8080 http://10.0.0.8:8080 -a least-latency -p 3000`;

/** Every command: what it takes and who does it. `rest` is what stood after \`--\`, \`onGiven\` hears what was asked for. */
export function createProgram(
  rest: readonly string[],
  onGiven: (given: Given) => void,
  finish: (exitCode: number) => void,
): Command {
  const program = new Command('multiserver')
    .description('Turns any web app into many servers behind one address.')
    .version(VERSION, '-v, --version')
    .helpCommand(false)
    .addHelpText('after', EXAMPLES);

  for (const { name, summary, operand, usage, flags, run } of COMMANDS) {
    const command = program.command(name).description(summary);
    if (operand) command.argument(...operand);
    if (usage !== undefined) command.usage(usage);
    for (const row of flags) command.addOption(optionOf(row));
    command.action(async () => {
      let given = readGiven(command, flags, process.env);
      onGiven(given);
      if (flags.includes(CONFIG)) given = await addConfig(given);
      onGiven(given);
      finish(await run(given, command.args, rest));
    });
  }
  const codes = EXIT_CODES.map(([code, meaning]) => `  ${code.padEnd(9)}${meaning}`).join('\n');
  program.addHelpText(
    'after',
    `\nExit codes:\n${codes}\n\nEvery flag of start and proxy can be given by a variable: MULTISERVER_TIMEOUT=5s is --timeout 5s.`,
  );
  return program;
}

function optionOf(row: FlagRow): Option {
  const option = new Option(
    row.flag,
    `${row.description} (default: ${row.default.replace(/^'(.*)'$/, '$1')})`,
  ).helpGroup(row.group);
  if (row.kind === 'list' || row.kind === 'words' || row.kind === 'numbers') {
    option.argParser((text: string, before: string[] | undefined) => [...(before ?? []), text]);
  }
  return option;
}
