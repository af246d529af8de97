import { spawn, type ChildProcess } from 'node:child_process';

/**
 * Outlives the supervisor by a moment. It is told of every process group, and when its input ends, which the kernel sees to however the
 * supervisor ended, it kills those that are left: nothing in a worker can hold that up, neither a blocked event loop nor a child of its own
 * that lost its parent. A shell, for it takes 1 MB where a Node process takes 40; in a group of its own, so that no Ctrl-C reaches it.
 */
const SCRIPT = `trap '' HUP INT TERM
groups=' '
while read -r what group; do
  case $what in
    +) groups="$groups$group " ;;
    -) case $groups in *" $group "*) groups="\${groups%% $group *} \${groups#* $group }" ;; esac ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group"; done 2>/dev/null
rm -rf -- "$1"`;

/** Between two starts of a guard, should somebody end it. */
const RESTART_DELAY = 1000;

export class GroupGuard {
  readonly #folder: string;
  readonly #groups = new Set<number>();
  #shell: ChildProcess | null = null;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  /** `folder` is removed when all is over. */
  constructor(folder: string) {
    this.#folder = folder;
    this.#start();
  }

  add(group: number): void {
    this.#groups.add(group);
    this.#tell(`+ ${group}\n`);
  }

  remove(group: number): void {
    if (this.#groups.delete(group)) this.#tell(`- ${group}\n`);
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#shell?.stdin?.end();
    this.#shell?.unref();
  }

  #tell(line: string): void {
    this.#shell?.stdin?.write(line);
  }

  #start(): void {
    const shell = spawn('/bin/sh', ['-c', SCRIPT, 'multiserver-guard', this.#folder], {
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    this.#shell = shell;
    // Without a shell (some containers have none) a worker still ends itself when its link breaks, unless its event loop is blocked.
    shell.on('error', () => {});
    shell.stdin.on('error', () => {});
    shell.once('exit', () => {
      if (this.#closed) return;
      this.#timer = setTimeout(() => this.#start(), RESTART_DELAY).unref();
    });
    for (const group of this.#groups) this.#tell(`+ ${group}\n`);
  }
}
