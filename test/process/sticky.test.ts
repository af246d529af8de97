import assert from 'node:assert/strict';
import { Agent, createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { LoadBalancer, stickySession } from 'node-multiserver';
import { AppFolder, ask, running } from './instance.js';

const CLIENTS = 1000;
/** That ask at once. */
const AT_ONCE = 40;
const SECRET = 'a secret of more than sixteen letters';

const folder = new AppFolder();
after(() => folder.remove());
const app = folder.write(
  'app.cjs',
  `require('http').createServer((req, res) => setTimeout(() => res.end(String(process.pid)), 5)).listen(0, '127.0.0.1');`,
);

/** One who keeps the cookie that it gets. */
class Browser {
  cookie = '';
  /** Who answered last. */
  home = '';

  async visit(port: number, agent: Agent): Promise<void> {
    const headers = this.cookie === '' ? {} : { Cookie: `theme=dark; ${this.cookie}` };
    const { status, text, headers: answer } = await ask(port, '/', { agent, headers });
    assert.equal(status, 200);
    this.home = text;
    const [field] = answer['set-cookie'] ?? [];
    if (field !== undefined) this.cookie = field.split(';')[0]!;
  }
}

/** Every one asks once, `AT_ONCE` of them at a time; `after` hears how many have been answered. */
async function all(browsers: readonly Browser[], port: number, agent: Agent, after?: (count: number) => void) {
  let next = 0;
  let answered = 0;
  const lane = async (): Promise<void> => {
    for (let i = next++; i < browsers.length; i = next++) {
      await browsers[i]!.visit(port, agent);
      after?.(++answered);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}

describe(`${CLIENTS} clients with cookies`, () => {
  const balancer = new LoadBalancer({ algorithm: stickySession({ secret: SECRET }) });
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  const browsers = Array.from({ length: CLIENTS }, () => new Browser());
  let port = 0;
  const homes = (): string[] => browsers.map(({ home }) => home);

  before(async () => {
    await balancer.spawn(app, { count: 4 });
    const [address] = await balancer.listen('127.0.0.1:0');
    port = (address as { port: number }).port;
    await all(browsers, port, agent);
  });
  after(async () => {
    agent.destroy();
    await balancer.close({ timeout: 0 });
  });

  test('are spread evenly at first, and known again', async () => {
    const counts = new Map<string, number>();
    for (const home of homes()) counts.set(home, (counts.get(home) ?? 0) + 1);
    assert.deepEqual([...counts.values()], [250, 250, 250, 250]);
    const first = homes();
    await all(browsers, port, agent);
    assert.deepEqual(homes(), first);
  });

  test('keep their worker when workers and servers join', async () => {
    const first = homes();
    await balancer.scale('+1');
    const server = await listen('elsewhere');
    balancer.endpoints.add(urlOf(server));
    await all(browsers, port, agent);
    assert.deepEqual(homes(), first);
    await new Browser().visit(port, agent);
    balancer.endpoints.remove(urlOf(server));
    server.closeAllConnections();
    server.close();
  });

  test('whose worker is killed get another within the same request, and none of them an error; the others stay', async () => {
    const first = homes();
    const victim = balancer.endpoints.list()[0]!.pid;
    await all(browsers, port, agent, (count) => {
      if (count === CLIENTS / 4) process.kill(victim, 'SIGKILL');
    });
    for (const [i, home] of homes().entries()) if (first[i] !== String(victim)) assert.equal(home, first[i]);
    const second = homes();
    assert.ok(second.filter((home, i) => home !== first[i]).length > 100);
    await all(browsers, port, agent);
    const pids = balancer.endpoints.list().map(({ pid }) => String(pid));
    for (const [i, home] of homes().entries()) {
      assert.ok(pids.includes(home));
      // A cookie that was not renewed still names the slot, in which a new worker lives.
      if (second[i] !== String(victim)) assert.equal(home, second[i]);
    }
  });

  test('cannot make one up: a forged cookie is as good as none', async () => {
    const value = browsers[0]!.cookie.slice('multiserver='.length);
    const forged = ['worker:1', '1', `${value}x`, value.slice(1), [...value].toReversed().join(''), ''];
    for (const text of forged) {
      const { status, headers } = await ask(port, '/', { agent, headers: { Cookie: `multiserver=${text}` } });
      assert.equal(status, 200);
      assert.match(headers['set-cookie']?.[0] ?? '', /^multiserver=[\w-]{22}; Path=\/; HttpOnly; SameSite=Lax$/, text);
    }
  });
});

test('balancers with the same secret agree where a client belongs, those without do not', async () => {
  const servers = await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map(listen));
  const args = ['proxy', ...servers.map(urlOf), '--listen', '127.0.0.1:0', '--sticky', 'cookie'];
  const env = { MULTISERVER_STICKY_SECRET: SECRET };
  const agent = new Agent({ keepAlive: true });
  try {
    await running(
      args,
      (one) =>
        running(
          [...args, '-a', 'least-connections'],
          (same) =>
            running(args, async (stranger) => {
              const [first, second, third] = await Promise.all([one.port(), same.port(), stranger.port()]);
              for (let i = 0; i < 12; i++) {
                const browser = new Browser();
                await browser.visit(first, agent);
                const { cookie, home } = browser;
                await browser.visit(second, agent);
                assert.deepEqual([browser.home, browser.cookie], [home, cookie]);
                await browser.visit(third, agent);
                assert.notEqual(browser.cookie, cookie);
              }
            }),
          { env },
        ),
      { env },
    );
  } finally {
    agent.destroy();
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
  }
});

test('--sticky header:NAME sends all requests of one value to one worker', async () => {
  await running(['start', app, '-w', '3', '--listen', '127.0.0.1:0', '--sticky', 'header:X-User'], async (instance) => {
    const port = await instance.port();
    const visit = async (user: string): Promise<string> => (await ask(port, '/', { headers: { 'X-User': user } })).text;
    const first = [await visit('ann'), await visit('bob'), await visit('eve')];
    assert.equal(new Set(first).size, 3);
    for (let i = 0; i < 5; i++) assert.deepEqual([await visit('ann'), await visit('bob'), await visit('eve')], first);
  });
});

async function listen(name: string): Promise<Server> {
  const server = createServer((_, response) => response.end(name));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
