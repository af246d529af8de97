import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** The root of the repository, with `/` at the end. */
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** Clients come from an address of their own, so that it is told apart from the balancer's. */
export const CLIENT = '127.0.0.2';
/** How long anything may take before the test gives up on it; generous, for slow machines. */
export const PATIENCE = 60_000;

export interface Setting {
  /** What follows `multiserver start`. */
  args: string[];
  cwd?: string;
  /** What the paths of the app begin with. */
  prefix?: string;
  /** Done before the app starts. */
  prepare?: () => void;
  /** Why it cannot be tested here, if so. */
  skip?: string | false;
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

/** What `multiserver status --json` says of it, as far as a test looks at it. */
interface Status {
  inFlight: number;
  endpoints: { pid: number; inFlight: number; failures: number }[];
}

const CLI = `${ROOT}dist/cli/main.js`;

/** An example app running on two workers behind the command-line balancer, unseen by any other instance of this machine. */
export class Site {
  readonly #setting: Setting;
  readonly #runtime = mkdtempSync(join(tmpdir(), 'ms-example-'));
  #process: ChildProcess | undefined;
  #output = '';
  port = 0;

  constructor(setting: Setting) {
    this.#setting = setting;
  }

  async start(): Promise<void> {
    const { args, cwd = ROOT, prepare } = this.#setting;
    prepare?.();
    const command = [CLI, 'start', '-w', '2', '--listen', '127.0.0.1:0', ...args];
    this.#process = spawn(process.execPath, command, { cwd, env: this.#env(), stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process.stdout!.on('data', (chunk: Buffer) => (this.#output += chunk.toString()));
    this.#process.stderr!.on('data', (chunk: Buffer) => (this.#output += chunk.toString()));
    await this.#until(() => {
      this.port = Number(/127\.0\.0\.1:(\d+)/.exec(this.#output)?.[1] ?? 0);
      return this.port !== 0;
    }, 'it says where it listens');
  }

  status(): Status {
    const text = execFileSync(process.execPath, [CLI, 'status', '--json'], { env: this.#env(), encoding: 'utf8' });
    const [status] = JSON.parse(text) as Status[];
    return status!;
  }

  /** Ends it as Ctrl-C does; true when it went by itself and without complaint. */
  async stop(): Promise<boolean> {
    const child = this.#process;
    if (child === undefined) return true;
    if (child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit');
      const hurry = setTimeout(() => child.kill('SIGKILL'), PATIENCE);
      child.kill('SIGINT');
      await gone;
      clearTimeout(hurry);
    }
    rmSync(this.#runtime, { recursive: true, force: true });
    return child.exitCode === 0;
  }

  #env(): NodeJS.ProcessEnv {
    // What the runner of the tests, or whoever started it, says to multiserver is not meant for this one.
    const entries = Object.entries(process.env).filter(([name]) => !name.startsWith('MULTISERVER_'));
    return { ...Object.fromEntries(entries), XDG_RUNTIME_DIR: this.#runtime };
  }

  /** Waits until none of these processes is left. */
  async goneAll(pids: Iterable<number>): Promise<void> {
    for (const pid of pids) await this.#until(() => !isAlive(pid), `process ${pid} is gone`, false);
  }

  /** `path` from the site's root when it begins with `/`, else below the setting's prefix. */
  async ask(path: string, body?: { type: string; text: string }): Promise<Answer> {
    const call = request({
      port: this.port,
      host: '127.0.0.1',
      localAddress: CLIENT,
      agent: false,
      path: `${path.startsWith('/') ? '' : `${this.#setting.prefix ?? ''}/`}${path}`,
      method: body === undefined ? 'GET' : 'POST',
      headers: body === undefined ? {} : { 'Content-Type': body.type, 'Content-Length': Buffer.byteLength(body.text) },
      timeout: PATIENCE,
    });
    call.on('timeout', () => call.destroy(new Error(`No answer to ${path}\n${this.#output}`)));
    call.end(body?.text);
    const [response] = (await once(call, 'response')) as [IncomingMessage];
    let text = '';
    for await (const chunk of response.setEncoding('utf8')) text += String(chunk);
    return { status: response.statusCode!, headers: response.headers, text };
  }

  async #until(condition: () => boolean, what: string, running = true): Promise<void> {
    const deadline = Date.now() + PATIENCE;
    while (!condition()) {
      const ended = running && (this.#process!.exitCode !== null || this.#process!.signalCode !== null);
      if (ended || Date.now() > deadline) throw new Error(`Waited in vain until ${what}\n${this.#output}`);
      await sleep(20);
    }
  }
}

interface Identity {
  worker: string;
  pid: number;
  client: string;
}

/** Tests that every example has in common, and more of its own. */
export function example(title: string, setting: Setting, more?: (site: Site) => void): void {
  describe(title, { skip: setting.skip ?? false }, () => {
    const site = new Site(setting);
    const pids = new Set<number>();
    before(async () => site.start());
    after(async () => void (await site.stop()));

    it('is answered by both workers', async () => {
      const workers = new Set<string>();
      for (let i = 0; i < 20 && workers.size < 2; i++) {
        const { status, text } = await site.ask('whoami');
        assert.equal(status, 200, text);
        const { worker, pid } = JSON.parse(text) as Identity;
        workers.add(worker);
        pids.add(pid);
      }
      assert.deepEqual([...workers].toSorted(), ['0', '1']);
      assert.equal(pids.size, 2);
    });

    it("knows the client's address", async () => {
      const { text } = await site.ask('whoami');
      assert.equal((JSON.parse(text) as Identity).client, CLIENT);
    });

    it('reads a posted body', async () => {
      const text = JSON.stringify({ words: 'grüße '.repeat(2000) });
      const answer = await site.ask('echo', { type: 'application/json', text });
      assert.ok(answer.status === 200 || answer.status === 201, answer.text);
      assert.deepEqual(JSON.parse(answer.text), JSON.parse(text));
    });

    it('streams an answer of unknown length', async () => {
      const { status, headers, text } = await site.ask('countdown');
      assert.equal(status, 200);
      assert.equal(headers['content-length'], undefined);
      assert.equal(text, '3\n2\n1\ngo\n');
    });

    more?.(site);

    it('stops on Ctrl-C and leaves no process', async () => {
      assert.ok(await site.stop());
      await site.goneAll(pids);
    });
  });
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
