import { ALGORITHMS } from '../index.js';
import type { CommandRow } from './commands/index.js';
import type { FlagRow } from './flags.js';

/** Scripts that complete the command line, written from the same tables as `--help`. */
export const SHELLS: Readonly<Record<string, (commands: readonly CommandRow[]) => string>> = { bash, zsh, fish };

/** What a flag takes, where that is known beforehand. */
function choicesOf({ kind, name }: FlagRow): string {
  if (kind === 'algorithm') return Object.keys(ALGORITHMS).join(' ');
  return name === 'logFormat' ? 'pretty json' : '';
}

/** `-w, --workers <n|auto>` → `['-w', '--workers']` */
const spellings = ({ flag }: FlagRow): string[] =>
  Array.from(flag.matchAll(/(?:^|\s)(--?[\w-]+)/g), ([, spelling]) => spelling!);
const takesValue = ({ flag }: FlagRow): boolean => flag.includes('<');
/** As much of a description as fits beside a flag. */
const brief = ({ description }: FlagRow): string => /^[^.;:(]+/.exec(description)![0].trim();

function bash(commands: readonly CommandRow[]): string {
  const names = commands.map(({ name }) => name).join(' ');
  const flags = commands.map((row) => `    ${row.name}) flags='${row.flags.flatMap(spellings).join(' ')} --help' ;;`);
  const values = new Set(
    commands
      .flatMap((row) => row.flags)
      .filter((row) => choicesOf(row) !== '')
      .map((row) => `    ${spellings(row).join(' | ')}) words='${choicesOf(row)}' ;;`),
  );
  return `# multiserver: completion for bash.  source <(multiserver completion bash)
_multiserver() {
  local current=\${COMP_WORDS[COMP_CWORD]} flags='--help --version' words=
  case \${COMP_WORDS[1]} in
${flags.join('\n')}
  esac
  case \${COMP_WORDS[COMP_CWORD - 1]} in
    multiserver) words='${names}' ;;
${[...values].join('\n')}
  esac
  if [[ $current == -* ]]; then words=$flags; fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _multiserver multiserver
`;
}

const quoteForZsh = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
/** In descriptions these would end them. */
const plainForZsh = (text: string): string => text.replace(/[[\]:\\]/g, '\\$&');

function zshSpecs(row: FlagRow): string[] {
  const choices = choicesOf(row);
  const value = choices === '' ? '_files' : `(${choices})`;
  return spellings(row).map((flag) =>
    quoteForZsh(`*${flag}[${plainForZsh(brief(row))}]${takesValue(row) ? `:value:${value}` : ''}`),
  );
}

function zsh(commands: readonly CommandRow[]): string {
  const names = commands.map(({ name, summary }) => `      ${quoteForZsh(`${name}:${plainForZsh(summary)}`)}`);
  const cases = commands.map(({ name, flags }) => {
    const all = [...flags.flatMap(zshSpecs), quoteForZsh('--help[Show help]'), quoteForZsh('*:operand:_files')];
    return `    ${name})\n      _arguments \\\n        ${all.join(' \\\n        ')}\n      ;;`;
  });
  return `#compdef multiserver
# multiserver: completion for zsh.  source <(multiserver completion zsh)
_multiserver() {
  if ((CURRENT == 2)); then
    local -a commands=(
${names.join('\n')}
    )
    _describe command commands
    return
  fi
  shift words
  ((CURRENT--))
  case $words[1] in
${cases.join('\n')}
  esac
}
if [[ $funcstack[1] == _multiserver ]]; then _multiserver "$@"; else compdef _multiserver multiserver; fi
`;
}

const quoteForFish = (text: string): string => `'${text.replace(/['\\]/g, '\\$&')}'`;

function fishLine(command: string, row: FlagRow): string {
  const names = spellings(row).map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
  const choices = choicesOf(row);
  const value = choices === '' ? (takesValue(row) ? ' -r' : '') : ` -x -a ${quoteForFish(choices)}`;
  return `complete -c multiserver -n '__fish_seen_subcommand_from ${command}' ${names.join(' ')}${value} -d ${quoteForFish(brief(row))}`;
}

function fish(commands: readonly CommandRow[]): string {
  return `# multiserver: completion for fish.  multiserver completion fish | source
${commands.map(({ name, summary }) => `complete -c multiserver -n __fish_use_subcommand -f -a ${name} -d ${quoteForFish(summary)}`).join('\n')}
${commands.flatMap(({ name, flags }) => flags.map((row) => fishLine(name, row))).join('\n')}
`;
}
