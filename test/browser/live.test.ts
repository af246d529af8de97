import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { control, Instance, PATIENCE } from '../process/instance.js';
import { missing, seen, Setting, urlOf } from './browser.js';

const APP = fileURLToPath(new URL('./live-app.js', import.meta.url));
const WORKERS = 4;

/** What the page has noted. */
interface Notes {
  readonly streams: readonly { ids: number[]; pid: number; breaks: number; gaveUp: boolean }[];
  /** `closes`: status codes, negative when it was not closed in order. */
  readonly talks: readonly { said: number; heard: number[]; pid: number; closes: number[] }[];
}

const NOTES = '({ streams, talks })';
const pidsOf = ({ streams, talks }: Notes): number[] => [...streams, ...talks].map(({ pid }) => pid);
const ascending = (a: number, b: number): number => a - b;

/** All events have come, once and in order, and all that was said was heard in the end. */
function assertWhole({ streams, talks }: Notes): void {
  for (const { ids, gaveUp } of streams) {
    assert.ok(!gaveUp);
    assert.deepEqual(
      ids,
      ids.map((_, i) => ids[0]! + i),
    );
  }
  for (const { heard } of talks) {
    assert.deepEqual(
      heard.toSorted(ascending),
      heard.map((_, i) => i + 1),
    );
  }
}

describe('a live page over HTTPS', { skip: missing, timeout: 5 * PATIENCE }, () => {
  let setting: Setting;
  let instance: Instance;
  let page: Page;
  const complaints: string[] = [];
  const notes = async (): Promise<Notes> => page.evaluate<Notes>(NOTES);
  /** All is connected, to workers for which `right` holds, and what was said until now has been heard. */
  const settled = async (right: (pid: number) => boolean, what: string): Promise<Notes> => {
    await seen(notes, (now) => pidsOf(now).every((pid) => pid > 0 && right(pid)), what);
    const said = (await notes()).talks.map((talk) => talk.said);
    return seen(notes, ({ talks }) => talks.every(({ heard }, i) => heard.length >= said[i]!), 'all was heard');
  };

  before(async () => {
    setting = await Setting.prepare();
    const args = ['start', APP, '-w', String(WORKERS), '--listen', '127.0.0.1:0', '--name', 'live-page'];
    instance = new Instance([...args, '--drain-time', '2s', ...setting.httpsFlags]);
    page = await setting.browser.newPage();
    page.on('pageerror', (error) => complaints.push(String(error)));
  });
  after(async () => {
    await setting.end();
    await instance.release();
  });

  it('has its event streams and WebSockets at all workers', async () => {
    await page.goto(urlOf(await instance.port()));
    assert.equal(await page.evaluate('isSecureContext'), true);
    const now = await settled(() => true, 'all is connected');
    assert.equal(new Set(pidsOf(now)).size, WORKERS);
    assertWhole(now);
    for (const { closes } of now.talks) assert.deepEqual(closes, []);
    for (const { breaks } of now.streams) assert.equal(breaks, 0);
  });

  it('goes on through a reload: each WebSocket is closed with 1001, no event is lost or comes twice', async () => {
    const old = new Set(instance.workers());
    assert.deepEqual(await control(instance, 'reload'), { workers: WORKERS });
    const now = await settled((pid) => !old.has(pid), 'all is connected to new workers');
    assertWhole(now);
    for (const { closes } of now.talks) {
      assert.ok(closes.length >= 1 && closes.length <= WORKERS);
      assert.ok(
        closes.every((code) => code === 1001),
        String(closes),
      );
    }
    for (const { breaks } of now.streams) assert.ok(breaks >= 1 && breaks <= WORKERS);
  });

  it('goes on when a worker is killed: only its own connections break, and no event is lost', async () => {
    const earlier = await notes();
    const victim = earlier.talks[0]!.pid;
    process.kill(victim, 'SIGKILL');
    const now = await settled((pid) => pid !== victim, 'all is connected to others');
    assertWhole(now);
    for (const [i, { closes }] of now.talks.entries()) {
      const { pid, closes: before } = earlier.talks[i]!;
      assert.deepEqual(closes.slice(before.length), pid === victim ? [-1006] : []);
    }
    for (const [i, { breaks }] of now.streams.entries()) {
      const { pid, breaks: before } = earlier.streams[i]!;
      assert.equal(breaks - before, pid === victim ? 1 : 0);
    }
  });

  it('is told that the server goes away when it is stopped', async () => {
    const earlier = await notes();
    instance.child.kill('SIGTERM');
    const now = await seen(
      notes,
      ({ talks }) => talks.every(({ closes }, i) => closes.length > earlier.talks[i]!.closes.length),
      'all are closed',
    );
    for (const [i, { closes }] of now.talks.entries()) assert.equal(closes[earlier.talks[i]!.closes.length], 1001);
    assertWhole(now);
    assert.deepEqual(complaints, []);
    assert.deepEqual(await instance.exit(), { code: 0, signal: null });
  });
});
