import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { DiscoveredEndpoint, Discovery } from '../../contracts/discovery.js';
import { MultiserverError } from '../../errors.js';
import type { Duration } from '../../util/duration.js';
import * as row from '../../util/option-rows.js';
import { parseShape } from '../../util/option-table.js';
import { type Finding, PollingDiscovery } from './polling.js';

export interface FileOptions {
  /** How often the file is looked at. Default `'1s'`. */
  refresh?: Duration;
}

/**
 * A file with one endpoint a line, watched for changes:
 *
 *     http://10.0.0.7:8080 weight=2
 *     http://10.0.0.8:8080
 *     http://10.0.9.1:8080 priority=1   # only when no other can take a request
 *
 * It is looked at and not watched by the system's means, which miss files behind links and on network file systems.
 */
export function fileDiscovery(path: string, options: FileOptions = {}): Discovery {
  const { refresh } = parseShape(OPTIONS, { ...options, path }, invalid, 'fileDiscovery.');
  return new FileDiscovery(path, refresh);
}

const OPTIONS = {
  path: row.needed('the path of a file', (path) => path !== '' && !path.includes('\0'), 'The file.'),
  refresh: row.duration('1s', '10ms', '24h', 'How often it is looked at.'),
} satisfies Record<keyof FileOptions | 'path', unknown>;

const invalid = (message: string) => new MultiserverError('MS_INVALID_OPTION', message);

/** What no file looks like. */
const LOST = 'lost';

class FileDiscovery extends PollingDiscovery {
  readonly #path: string;
  /** What the file looked like the last time, and when it was read. */
  #seen = '';
  #read = '';

  constructor(path: string, interval: number) {
    super(`file:${path}`, interval);
    this.#path = resolve(path);
  }

  protected async find(): Promise<Finding | null> {
    const looks = await this.#look();
    // A change is read when it looks the same twice: whoever writes may be in the midst of it. The first time nothing is better.
    const settled = looks === this.#seen || this.#read === '';
    this.#seen = looks;
    if (!settled || looks === this.#read) return null;
    const text = await readFile(this.#path, 'utf8');
    this.#read = looks;
    return { endpoints: parse(text) };
  }

  async #look(): Promise<string> {
    try {
      const { ino, size, mtimeMs } = await stat(this.#path);
      return `${ino} ${size} ${mtimeMs}`;
    } catch (error) {
      // Back unchanged, it is news all the same: that it was lost has been told.
      if (this.#read !== '') this.#read = LOST;
      throw error;
    }
  }
}

function parse(text: string): DiscoveredEndpoint[] {
  const found: DiscoveredEndpoint[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    const [url, ...settings] = line
      .replace(/(?:^|\s)#.*/, '')
      .trim()
      .split(/\s+/);
    if (url === undefined || url === '') continue;
    const endpoint: { url: string; weight?: number; priority?: number } = { url };
    for (const setting of settings) {
      const [, name, value] = /^(weight|priority)=(\d+(?:\.\d+)?)$/.exec(setting) ?? [];
      if (name === undefined)
        throw new MultiserverError(
          'MS_INVALID_OPTION',
          `line ${i + 1}: "${setting}" is neither weight=N nor priority=N`,
        );
      endpoint[name as 'weight' | 'priority'] = Number(value);
    }
    found.push(endpoint);
  }
  return found;
}
