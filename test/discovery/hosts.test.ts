import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Service } from './dns-server.js';
import { cannotHaveHosts, type Host, Lan } from './lan.js';

const CLI = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
const skip = cannotHaveHosts();
if (skip !== false) console.error(`\n  !! Several machines are not tested: ${skip}\n`);

/** `multiserver proxy` on the host in front, and a client that asks it all the time. */
class Front {
  readonly #folder = mkdtempSync(join(tmpdir(), 'ms-lan-'));
  readonly #child;
  /** Who answered, or the status if that was not 200; the latest last. */
  readonly answers: string[] = [];
  output = '';
  #stopped = false;
  readonly #client: Promise<void>;

  constructor(lan: Lan, ...args: string[]) {
    const where = ['--listen', `unix:${this.#socket}`, '--log-format', 'json', '--name', `lan-${process.pid}`];
    const command = [CLI, 'proxy', ...args, ...where];
    this.#child = lan.front.spawn('env', `XDG_RUNTIME_DIR=${this.#folder}`, process.execPath, ...command);
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      stream.on('data', (text: Buffer) => (this.output += text.toString()));
    }
    this.#client = this.#ask();
  }

  get #socket(): string {
    return join(this.#folder, 'front');
  }

  async #ask(): Promise<void> {
    await this.until('it to listen', () => this.output.includes('"boot"'));
    while (!this.#stopped) {
      const request = get({ socketPath: this.#socket, path: '/', agent: false });
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      const body = (await response.setEncoding('utf8').toArray()).join('');
      this.answers.push(response.statusCode === 200 ? body : String(response.statusCode));
      await sleep(5);
    }
  }

  async until(what: string, met: () => boolean): Promise<void> {
    const end = performance.now() + 60_000;
    while (!met()) {
      assert.ok(
        performance.now() < end,
        `${what}: not within a minute; last ${this.answers.slice(-20).join(' ')}\n${this.output}`,
      );
      await sleep(20);
    }
  }

  /** Waits until the answers come from these hosts and no other: the last 20, and the 20 after them. */
  async untilFrom(...hosts: Host[]): Promise<void> {
    const names = hosts
      .map(({ name }) => name)
      .toSorted()
      .join(' ');
    const came = (): string => [...new Set(this.answers.slice(-20))].toSorted().join(' ');
    await this.until(`answers from ${names}`, () => came() === names);
    const from = this.answers.length;
    await this.until('20 more', () => this.answers.length >= from + 20);
    assert.equal(came(), names);
  }

  /** The answers since `from` that were not 200. */
  failures(from: number): string[] {
    return this.answers.slice(from).filter((answer) => /^\d+$/.test(answer));
  }

  async close(): Promise<void> {
    this.#stopped = true;
    await this.#client.catch(() => {});
    this.#child.kill('SIGTERM');
    await once(this.#child, 'exit');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

test(
  'three hosts behind a name: traffic follows those that come, go, crash, are cut off and come back',
  { skip },
  async (t) => {
    const lan = new Lan('a', 'b', 'c');
    let front: Front | null = null;
    t.after(async () => {
      await front?.close();
      await lan.close();
    });
    await lan.open();
    const [a, b, c] = lan.hosts as [Host, Host, Host];
    for (const host of lan.hosts) host.serve();
    await lan.resolve('api.test', [a.address, b.address]);
    const times = ['--connect-timeout', '500ms', '--response-timeout', '1s'];
    const checks = ['--health', '/', '--health-check-interval', '200ms', '--health-check-timeout', '500ms'];
    front = new Front(lan, 'dns://api.test:8080?refresh=500ms', ...times, ...checks);

    await front.untilFrom(a, b);
    await lan.resolve('api.test', [a.address, b.address, c.address]);
    await front.untilFrom(a, b, c);
    await lan.resolve('api.test', [b.address, c.address]);
    await front.untilFrom(b, c);
    for (const failure of ['failure', 'silence'] as const) {
      await lan.resolve('api.test', failure);
      await sleep(6000);
      await front.untilFrom(b, c);
    }
    assert.match(front.output, /could not be found .*the last 2 are kept/);
    await c.crash();
    await front.untilFrom(b);
    c.serve();
    await front.untilFrom(b, c);
    assert.deepEqual(front.failures(0), [], 'until here every request was answered');

    c.cut();
    await front.untilFrom(b);
    // What was on its way to it when the cable went could not be sent again: it might have been heard.
    assert.ok(front.failures(0).every((status) => status === '504'));
    assert.ok(front.failures(0).length < 10, front.failures(0).join(' '));
    const cut = front.answers.length;
    c.plugIn();
    await front.untilFrom(b, c);
    await lan.resolve('api.test', [a.address]);
    await front.untilFrom(a);
    assert.deepEqual(front.failures(cut), []);
  },
);

function service({ name }: Host, weight: number, priority: number): Service {
  return { priority, weight, port: 8080, target: `${name}.test` };
}

test('services of several hosts: ports and weights, and who stands by', { skip }, async (t) => {
  const lan = new Lan('a', 'b', 'c');
  let front: Front | null = null;
  t.after(async () => {
    await front?.close();
    await lan.close();
  });
  await lan.open();
  const [a, b, c] = lan.hosts as [Host, Host, Host];
  for (const host of lan.hosts) {
    host.serve();
    await lan.resolve(`${host.name}.test`, [host.address]);
  }
  await lan.resolve('_http._tcp.api.test', [service(a, 3, 0), service(b, 1, 0), service(c, 1, 1)]);
  front = new Front(lan, 'dns+srv://_http._tcp.api.test', '--health', '/', '--health-check-interval', '200ms');
  await front.untilFrom(a, b);
  const { answers } = front;
  const from = answers.length;
  await front.until('40 more', () => answers.length >= from + 40);
  const shares = answers.slice(from, from + 40);
  assert.equal(shares.filter((name) => name === 'a').length, 30);
  await a.crash();
  await b.crash();
  await front.untilFrom(c);
  a.serve();
  await front.untilFrom(a);
  assert.deepEqual(front.failures(0), []);
});
