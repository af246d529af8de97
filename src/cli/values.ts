import type { Command } from 'commander';
import { ALGORITHMS } from '../index.js';
import type { Config } from './config.js';
import { longName, type FlagRow } from './flags.js';
import { usageError } from './usage-error.js';
import { splitWords } from './words.js';

/** What was asked for, by the names of the rows; what was not given is not there. */
export interface Given {
  readonly values: ReadonlyMap<string, unknown>;
  /** What to call a row when its value is refused: the flag or the variable it came from. */
  readonly sources: ReadonlyMap<string, string>;
  /** The file behind them, where there is one. */
  readonly config?: Config;
}

/** Flags win over environment variables; defaults are left to whoever takes the values. */
export function readGiven(command: Command, rows: readonly FlagRow[], env: NodeJS.ProcessEnv): Given {
  const values = new Map<string, unknown>();
  const sources = new Map<string, string>();
  for (const row of rows) {
    const long = longName(row.flag);
    const attribute = long.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
    if (command.getOptionValueSource(attribute) === 'cli') {
      const source = row.flag.includes('--no-') ? `--no-${long}` : `--${long}`;
      const given = command.getOptionValue(attribute) as string | string[] | boolean;
      values.set(row.name, typeof given === 'boolean' ? given : read(row, [given].flat(), source));
      sources.set(row.name, source);
    } else if (env[row.env]) {
      values.set(row.name, read(row, [env[row.env]!], row.env));
      sources.set(row.name, row.env);
    }
  }
  return { values, sources };
}

/** The values of `rows` as options: `queue.size` becomes `{ queue: { size } }`. */
export function asOptions({ values }: Given, rows: readonly { readonly name: string }[]): Record<string, unknown> {
  const options: Record<string, unknown> = {};
  for (const { name } of rows) {
    if (!values.has(name)) continue;
    const groups = name.split('.');
    const last = groups.pop()!;
    let inner = options;
    for (const group of groups) inner = (inner[group] ??= {}) as Record<string, unknown>;
    inner[last] = values.get(name);
  }
  return options;
}

/** The value that a text means. A text that means none stays as it is, so that the option's own check refuses it. */
function read(row: FlagRow, texts: readonly string[], source: string): unknown {
  const text = texts.at(-1)!;
  switch (row.kind) {
    case 'number':
    case 'duration':
    case 'size':
      return asNumber(text);
    case 'boolean':
      if (/^(?:true|1|yes|on)$/i.test(text)) return true;
      if (/^(?:false|0|no|off)$/i.test(text)) return false;
      throw usageError(`${source} must be true or false; it is '${text}'.`);
    case 'list':
      return commaSeparated(texts);
    case 'numbers':
      return commaSeparated(texts).map(asNumber);
    case 'words':
      return texts.flatMap((part) => {
        const words = splitWords(part);
        if (words) return words;
        throw usageError(`${source} must be words, quoted where they hold what a shell would act on; it is '${part}'.`);
      });
    case 'algorithm':
      if (Object.hasOwn(ALGORITHMS, text)) return ALGORITHMS[text];
      throw usageError(`${source} must be one of ${Object.keys(ALGORITHMS).join(', ')}; it is '${text}'.`);
    default:
      return text;
  }
}

const asNumber = (text: string): number | string => (/^(?:-?\d+(?:\.\d+)?|Infinity)$/.test(text) ? Number(text) : text);

const commaSeparated = (texts: readonly string[]): string[] =>
  texts
    .flatMap((text) => text.split(','))
    .map((item) => item.trim())
    .filter((item) => item !== '');
