import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { control, Instance, PATIENCE } from '../process/instance.js';
import { missing, seen, Setting, urlOf } from './browser.js';

const APP = fileURLToPath(new URL('../../../examples/socketio/app.js', import.meta.url));
const WORKERS = 4;
const VISITORS = 2 * WORKERS;
/** Of two sockets: a reload moves each at most once at each step, and that in the middle of a handshake. */
const MAX_SESSIONS = 2 * (1 + 2 * WORKERS);

/** One with a browser of its own, that is: with cookies of its own. */
class Visitor {
  readonly page: Page;
  readonly transport: string;
  /** Ids of the sessions it has had. */
  readonly sessions = new Set<string>();
  /** How often a worker was asked for a session that it does not know. */
  strays = 0;

  constructor(page: Page, transport: string) {
    this.page = page;
    this.transport = transport;
    page.on('response', (response) => {
      const sid = new URL(response.url()).searchParams.get('sid');
      if (sid === null) return;
      this.sessions.add(sid);
      if (response.status() === 400) this.strays++;
    });
  }

  static async arrive(setting: Setting, url: string, transport: string): Promise<Visitor> {
    const context = await setting.browser.newContext();
    const visitor = new Visitor(await context.newPage(), transport);
    await visitor.page.goto(url);
    // The page's own socket polls at first, and then goes over to a WebSocket.
    const mine = transport === 'websocket' ? 'socket' : "io({ transports: ['polling'], forceNew: true })";
    await visitor.page.evaluate(`window.mine = ${mine}; null`);
    return visitor;
  }

  /** Connected by the transport that it wants. */
  async settled(): Promise<boolean> {
    const name = "mine.connected ? mine.io.engine.transport.name : ''";
    return (await this.page.evaluate<string>(name)) === this.transport;
  }

  /** Says something, and gives the pid of the worker that heard it; 0: its session ended before it could answer. */
  async say(text: string): Promise<number> {
    const asked = `mine.timeout(${PATIENCE}).emitWithAck('say', ${JSON.stringify(text)})`;
    return this.page.evaluate<number>(`${asked}.then(({ pid }) => pid, () => 0)`);
  }
}

describe('Socket.IO in a browser, over HTTPS, with --sticky cookie', { skip: missing, timeout: 5 * PATIENCE }, () => {
  let setting: Setting;
  let instance: Instance;
  const visitors: Visitor[] = [];
  const each = async <T>(ask: (visitor: Visitor) => Promise<T>): Promise<T[]> => Promise.all(visitors.map(ask));
  const say = async (): Promise<number[]> => each(async (visitor) => visitor.say('hello'));
  const settled = async (): Promise<boolean[]> =>
    seen(
      async () => each(async (visitor) => visitor.settled()),
      (all) => all.every(Boolean),
      'all are connected as they want',
    );

  before(async () => {
    setting = await Setting.prepare();
    const args = ['start', APP, '-w', String(WORKERS), '--listen', '127.0.0.1:0', '--name', 'socketio-page'];
    instance = new Instance([...args, '--sticky', 'cookie', '--drain-time', '1s', ...setting.httpsFlags]);
    const url = urlOf(await instance.port());
    for (let i = 0; i < VISITORS; i++) {
      visitors.push(await Visitor.arrive(setting, url, i < WORKERS ? 'polling' : 'websocket'));
    }
  });
  after(async () => {
    await setting.end();
    await instance.release();
  });

  it('gives each visitor a cookie that only the site gets, and no script', async () => {
    const cookies = await each(async ({ page }) => page.context().cookies());
    for (const [cookie, ...more] of cookies) {
      assert.deepEqual(more, []);
      const { name, secure, httpOnly, sameSite } = cookie!;
      assert.deepEqual(
        { name, secure, httpOnly, sameSite },
        { name: 'multiserver', secure: true, httpOnly: true, sameSite: 'Lax' },
      );
    }
    assert.equal(new Set(cookies.map(([cookie]) => cookie!.value)).size, WORKERS);
  });

  it('keeps each session at the worker that opened it, by polling alone and from polling to a WebSocket', async () => {
    await settled();
    const first = await say();
    assert.equal(new Set(first).size, WORKERS);
    for (let i = 0; i < 5; i++) assert.deepEqual(await say(), first);
  });

  it('connects again by itself through a reload', async () => {
    const old = new Set(instance.workers());
    assert.deepEqual(await control(instance, 'reload'), { workers: WORKERS });
    const now = await seen(say, (pids) => pids.every((pid) => pid > 0 && !old.has(pid)), 'all have moved');
    await settled();
    for (let i = 0; i < 5; i++) assert.deepEqual(await say(), now);
    for (const { sessions } of visitors) assert.ok(sessions.size <= MAX_SESSIONS);
  });

  it('never asks a worker for a session that it does not know', () => {
    assert.deepEqual(
      visitors.map(({ strays }) => strays),
      Array(VISITORS).fill(0),
    );
  });
});
