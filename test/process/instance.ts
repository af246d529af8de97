import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, type IncomingMessage, request, type RequestOptions } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const CLI = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
/** What the runner of the tests, or whoever started it, says to multiserver is not meant for this one. */
const ENVIRONMENT = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith('MULTISERVER_')),
);
/** How long anything may take before a test gives up on it; generous, for slow machines. */
export const PATIENCE = 60_000;

/** A folder with the files of an app. */
export class AppFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'ms-app-'));

  /** Gives the file's path. */
  write(name: string, text: string): string {
    const path = join(this.path, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return path;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

export interface LogLine {
  readonly event: string;
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

export interface InstanceSetting {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** How many files and sockets it may open. */
  readonly openFiles?: number;
}

/** `multiserver` as a user runs it, in a world of its own: no other instance sees it. */
export class Instance {
  readonly child: ChildProcess;
  readonly runtime = mkdtempSync(join(tmpdir(), 'ms-run-'));
  readonly log: LogLine[] = [];
  stdout = '';
  stderr = '';

  constructor(args: readonly string[], setting: InstanceSetting = {}) {
    const { openFiles } = setting;
    const command = [process.execPath, CLI, ...args];
    if (openFiles !== undefined) command.unshift('sh', '-c', `ulimit -n ${openFiles} && exec "$0" "$@"`);
    this.child = spawn(command[0]!, command.slice(1), {
      cwd: setting.cwd ?? this.runtime,
      env: { ...ENVIRONMENT, XDG_RUNTIME_DIR: this.runtime, ...setting.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let rest = '';
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      for (const line of lines) if (line.startsWith('{')) this.log.push(JSON.parse(line) as LogLine);
    });
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
  }

  get pid(): number {
    return this.child.pid!;
  }

  get ended(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Resolves with its port once it listens. */
  async port(): Promise<number> {
    const { addresses } = await this.line('boot');
    return Number(/:(\d+)$/.exec((addresses as string[])[0]!)![1]);
  }

  lines(event: string): LogLine[] {
    return this.log.filter((line) => line.event === event);
  }

  /** The `count`-th line of that event. */
  async line(event: string, count = 1): Promise<LogLine> {
    await this.until(() => this.lines(event).length >= count, `it tells "${event}" ${count} times`);
    return this.lines(event)[count - 1]!;
  }

  async until(condition: () => boolean, what: string): Promise<void> {
    const end = Date.now() + PATIENCE;
    while (!condition()) {
      if (this.ended || Date.now() > end) {
        throw new Error(`Waited in vain until ${what}; it ended: ${this.ended}\n${this.stdout}\n${this.stderr}`);
      }
      await sleep(10);
    }
  }

  /** Pids of the workers that are ready now. */
  workers(): number[] {
    const gone = new Set(this.log.filter(({ event }) => event === 'crash').map(({ pid }) => pid));
    return this.lines('ready')
      .map(({ pid }) => pid as number)
      .filter((pid) => !gone.has(pid));
  }

  async exit(): Promise<{ code: number | null; signal: string | null }> {
    if (!this.ended) await once(this.child, 'exit');
    return { code: this.child.exitCode, signal: this.child.signalCode };
  }

  /** Ends it if it still runs, and what it left of its files. */
  async release(): Promise<void> {
    if (!this.ended) {
      this.child.kill('SIGTERM');
      const hurry = setTimeout(() => this.child.kill('SIGKILL'), PATIENCE);
      await this.exit();
      clearTimeout(hurry);
    }
    rmSync(this.runtime, { recursive: true, force: true });
  }
}

/** Plays with an instance and releases it whatever happens. */
export async function running(
  args: readonly string[],
  play: (instance: Instance) => Promise<void>,
  setting?: InstanceSetting,
): Promise<void> {
  const instance = new Instance(args, setting);
  try {
    await play(instance);
  } finally {
    await instance.release();
  }
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: IncomingMessage['headers'];
}

/** One request; rejects when it was not answered to its end. */
export async function ask(port: number, path = '/', options: RequestOptions = {}, body?: string): Promise<Answer> {
  const call = request({ host: '127.0.0.1', port, path, agent: false, timeout: PATIENCE, ...options });
  call.on('timeout', () => call.destroy(new Error(`No answer to ${path}`)));
  call.end(body);
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  let text = '';
  for await (const piece of response.setEncoding('utf8')) text += String(piece);
  return { status: response.statusCode!, text, headers: response.headers };
}

/** Tells a running instance to do something, as the command line does, and gives its answer. */
export async function control(instance: Instance, command: string, input?: unknown): Promise<unknown> {
  const folder = join(instance.runtime, 'multiserver');
  const [socket] = readdirSync(folder);
  const options = { socketPath: join(folder, socket!), method: 'POST' };
  return JSON.parse((await ask(0, `/${command}`, options, JSON.stringify(input))).text);
}

/** Clients that ask for `path` over and over until {@link stop}: some keep their connection, some take a new one each time. */
export class Load {
  answered = 0;
  readonly failures: string[] = [];
  #stopped = false;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #loops: Promise<void[]>;

  constructor(port: number, path = '/', kept = 6, fresh = 2) {
    const loops = Array.from({ length: kept + fresh }, (_, i) =>
      this.#loop(port, path, i < kept ? this.#agent : false),
    );
    this.#loops = Promise.all(loops);
  }

  async #loop(port: number, path: string, agent: Agent | false): Promise<void> {
    while (!this.#stopped) {
      try {
        const { status, text } = await ask(port, path, { agent });
        if (status === 200) this.answered++;
        else this.failures.push(`${status} ${text}`);
      } catch (error) {
        this.failures.push(String(error));
      }
      if (this.failures.length > 20) return;
    }
  }

  async atLeast(count: number): Promise<void> {
    const goal = this.answered + count;
    const end = Date.now() + PATIENCE;
    while (this.answered < goal && this.failures.length === 0 && Date.now() < end) await sleep(5);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#loops;
    this.#agent.destroy();
  }
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

export async function untilGone(pids: readonly number[], patience = PATIENCE): Promise<void> {
  const end = Date.now() + patience;
  for (const pid of pids) {
    while (isAlive(pid)) {
      if (Date.now() > end) throw new Error(`Process ${pid} is still there after ${patience} ms`);
      await sleep(10);
    }
  }
}
