import { readdirSync, statSync, watch, type FSWatcher } from 'node:fs';
import { join, sep } from 'node:path';

/** What apps are made of. Other files they may write themselves, which must not start them anew. */
const SOURCE = /(?:\.(?:[cm]?[jt]s|[jt]sx|py|rb|php)|^package\.json|^\.env(?:\..+)?)$/;
/** Each takes a watch of the system, of which there may be some thousands. */
const MAX_FOLDERS = 4000;
/** An editor or a build writes several files: what comes within so many ms is one change. */
const QUIET = 100;

export interface WatchHandlers {
  onChange(path: string): void;
  /** Some of it cannot be watched. */
  onProblem(message: string): void;
}

/**
 * Tells when the sources below some folders change; `node_modules` and hidden folders apart. One watch for each folder: recursive ones
 * of Node take one for each file on Linux, those of `node_modules` too.
 */
export class SourceWatcher {
  readonly #handlers: WatchHandlers;
  readonly #watchers = new Map<string, FSWatcher>();
  #timer: NodeJS.Timeout | undefined;
  #complained = false;

  constructor(folders: readonly string[], handlers: WatchHandlers) {
    this.#handlers = handlers;
    for (const folder of folders) this.#add(folder);
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  /** Gives whether there are sources in it. */
  #add(folder: string): boolean {
    if (this.#watchers.has(folder)) return false;
    if (this.#watchers.size >= MAX_FOLDERS) {
      this.#complain(`only the first ${MAX_FOLDERS} folders are watched`);
      return false;
    }
    try {
      // before it is looked into: what comes in the meantime is seen twice rather than not at all
      const watcher = watch(folder, { persistent: false }, (_event, name) => {
        if (name !== null) this.#changed(folder, name);
      });
      watcher.on('error', () => this.#remove(folder));
      this.#watchers.set(folder, watcher);
      return readdirSync(folder, { withFileTypes: true }).reduce(
        (found, entry) =>
          (entry.isDirectory()
            ? isWatched(entry.name) && this.#add(join(folder, entry.name))
            : SOURCE.test(entry.name)) || found,
        false,
      );
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT') this.#complain(`${folder} cannot be watched (${code})`);
      return false;
    }
  }

  #changed(folder: string, name: string): void {
    const path = join(folder, name);
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
      if (isWatched(name) && this.#add(path)) this.#tell(path);
    } else if (SOURCE.test(name)) this.#tell(path);
    else this.#remove(path);
  }

  #remove(folder: string): void {
    for (const [path, watcher] of this.#watchers) {
      if (path !== folder && !path.startsWith(folder + sep)) continue;
      watcher.close();
      this.#watchers.delete(path);
    }
  }

  #tell(path: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#handlers.onChange(path), QUIET);
  }

  #complain(message: string): void {
    if (!this.#complained) this.#handlers.onProblem(message);
    this.#complained = true;
  }
}

const isWatched = (name: string): boolean => name !== 'node_modules' && !name.startsWith('.');
