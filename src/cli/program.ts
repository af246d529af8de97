import { Command, Option } from 'commander';
import { proxy } from './commands/proxy.js';
import { start } from './commands/start.js';
import { status } from './commands/status.js';
import { stop } from './commands/stop.js';
import { EXIT_CODES } from './exit-codes.js';
import { FLAGS, type FlagRow } from './flags.js';
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

  const add = (
    name: keyof typeof FLAGS,
    description: string,
    run: (given: Given, ...operands: never[]) => Promise<number>,
  ) => {
    const rows: readonly FlagRow[] = FLAGS[name];
    const command = program.command(name).description(description);
    for (const row of rows) command.addOption(optionOf(row));
    return command.action(async (...all: unknown[]) => {
      const given = readGiven(command, rows, process.env);
      onGiven(given);
      finish(await run(given, ...(all.slice(0, -2) as never[])));
    });
  };

  add('start', 'run an app on many workers behind the balancer', (given, app: string | undefined) =>
    start(app, rest, given),
  )
    .argument('[app]', "file or folder of the app; without it, package.json's start script or main file")
    .usage('[app] [flags] [-- arguments of the app]\n       multiserver start [flags] -- <any command>');
  add('proxy', 'balance over servers that already run', (given, urls: string[]) => proxy(urls, given)).argument(
    '<url...>',
    'http://host:port of each server, or where to find them: dns://name:port, dns+srv://name, file:path',
  );
  add('status', 'show what runs', status);
  add('stop', 'end a running instance gracefully', stop);
  const codes = EXIT_CODES.map(([code, meaning]) => `  ${code.padEnd(9)}${meaning}`).join('\n');
  program.addHelpText(
    'after',
    `\nExit codes:\n${codes}\n\nEvery flag of start and proxy can be given by a variable: MULTISERVER_TIMEOUT=5s is --timeout 5s.`,
  );
  return program;
}

function optionOf(row: FlagRow): Option {
  const option = new Option(row.flag, `${row.description} (default: ${row.default.replaceAll("'", '')})`).helpGroup(
    row.group,
  );
  if (row.kind === 'list' || row.kind === 'words' || row.kind === 'numbers') {
    option.argParser((text: string, before: string[] | undefined) => [...(before ?? []), text]);
  }
  return option;
}
