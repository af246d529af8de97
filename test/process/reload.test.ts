import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { LoadBalancer, type MultiserverError } from 'node-multiserver';
import { AppFolder, ask, Load, untilGone } from './instance.js';
import { lastingApp, LastingLoad } from './lasting-load.js';

const LONG = Boolean(process.env.MULTISERVER_LONG);
const ROUNDS = LONG ? 20 : 3;
/** Requests between two reloads, at least. */
const BETWEEN = LONG ? 5000 : 150;

const folder = new AppFolder();
after(() => folder.remove());

const appOf = (version: string) =>
  lastingApp(`(req, res) => {
  if (req.url === '/slow') setTimeout(() => res.end('late'), 300);
  else setTimeout(() => res.end('${version}'), 2);
}`);

/** A balancer with an app of its own on `count` workers. */
async function spawned(
  name: string,
  count: number,
  play: (balancer: LoadBalancer, port: number, file: string) => Promise<void>,
): Promise<void> {
  const file = folder.write(`${name}.cjs`, appOf('v1'));
  const balancer = new LoadBalancer({ drainTime: 500 });
  try {
    await balancer.spawn(file, { count });
    const [address] = await balancer.listen('127.0.0.1:0');
    assert.ok(address !== undefined && 'port' in address);
    await play(balancer, address.port, file);
  } finally {
    await balancer.close({ timeout: 0 });
  }
}

const pidsOf = (balancer: LoadBalancer): number[] => balancer.status().endpoints.map(({ pid }) => pid!);

describe('reload', () => {
  test('replaces every worker without losing one request, WebSocket or event stream', async () => {
    await spawned('reloaded', 2, async (balancer, port) => {
      const load = new Load(port, '/', 12, 4);
      const lasting = new LastingLoad(port, 4);
      for (let i = 1; i <= ROUNDS; i++) {
        await load.atLeast(BETWEEN);
        const before = pidsOf(balancer);
        folder.write('reloaded.cjs', appOf(`v${i + 1}`));
        const endpoints = await balancer.reload();
        assert.deepEqual(
          endpoints.map(({ id }) => id),
          ['worker:0', 'worker:1'],
        );
        await untilGone(before);
        assert.equal((await ask(port)).text, `v${i + 1}`);
      }
      await load.stop();
      await lasting.stop();
      assert.deepEqual([...load.failures, ...lasting.failures], []);
      assert.ok(lasting.ended > 0);
      console.log(
        `${ROUNDS} reloads: ${load.answered} requests, 0 failed; ${lasting.echoes} echoes, ${lasting.ended} WebSockets and event streams ended in order, 0 cut`,
      );
    });
  });

  test('reads the variables of envFile anew; a file that is gone leaves all as it was', async () => {
    const app = folder.write('env.cjs', `require('http').createServer((_, res) => res.end(process.env.A)).listen(0)`);
    const envFile = folder.write('env/variables', 'A=one\nB=1');
    const balancer = new LoadBalancer();
    try {
      await balancer.spawn(app, { count: 1, envFile, env: { B: '2' } });
      const [address] = await balancer.listen('127.0.0.1:0');
      assert.ok(address !== undefined && 'port' in address);
      assert.equal((await ask(address.port)).text, 'one');
      folder.write('env/variables', 'A=two');
      await balancer.reload();
      assert.equal((await ask(address.port)).text, 'two');
      rmSync(envFile);
      await assert.rejects(balancer.reload(), /Option "envFile" must be a file that can be read/);
      assert.equal((await ask(address.port)).text, 'two');
    } finally {
      await balancer.close({ timeout: 0 });
    }
  });

  test('lets a request in progress end at the old worker', async () => {
    await spawned('patient', 1, async (balancer, port) => {
      const slow = ask(port, '/slow');
      await new Promise((resolve) => setTimeout(resolve, 100));
      await balancer.reload();
      assert.equal((await slow).text, 'late');
    });
  });

  const bad: [what: string, source: string, why: RegExp][] = [
    ['throws at start', 'throw new Error("no such table")', /no such table/],
    ['never listens', 'console.error("waiting"); setInterval(() => {}, 1000)', /did not listen within[^]*waiting/],
    [
      'listens and dies',
      `require('http').createServer((_, res) => res.end()).listen(0, '127.0.0.1', () => setTimeout(process.exit, 100, 4)); console.error('no disk')`,
      /exited with code 4 right after it was ready\.[^]*no disk/,
    ],
  ];
  for (const [what, source, why] of bad) {
    test(`to a version that ${what} leaves the old one serving and says why`, async () => {
      const file = folder.write('kept.cjs', appOf('v1'));
      const balancer = new LoadBalancer();
      try {
        await balancer.spawn(file, { count: 2, startTimeout: 3000 });
        const [address] = await balancer.listen('127.0.0.1:0');
        assert.ok(address !== undefined && 'port' in address);
        const load = new Load(address.port);
        const before = pidsOf(balancer);
        folder.write('kept.cjs', source);
        await assert.rejects(balancer.reload(), (error: MultiserverError) => {
          assert.equal(error.code, 'MS_WORKER_START_FAILED');
          assert.match(error.message, why);
          return true;
        });
        await load.atLeast(50);
        await load.stop();
        assert.deepEqual(load.failures, []);
        assert.deepEqual(pidsOf(balancer), before);
      } finally {
        await balancer.close({ timeout: 0 });
      }
    });
  }
});

describe('scale', () => {
  test('changes the number of workers without losing one request, WebSocket or event stream', async () => {
    await spawned('scaled', 4, async (balancer, port) => {
      const load = new Load(port, '/', 12, 4);
      const lasting = new LastingLoad(port, 4);
      for (const [asked, count] of [
        [1, 1],
        ['+3', 4],
        ['-2', 2],
        ['4', 4],
      ] as const) {
        await load.atLeast(BETWEEN);
        const endpoints = await balancer.scale(asked);
        assert.equal(endpoints.length, count);
        assert.equal(balancer.status().endpoints.length, count);
      }
      await load.atLeast(BETWEEN);
      await load.stop();
      await lasting.stop();
      assert.deepEqual([...load.failures, ...lasting.failures], []);
      assert.ok(lasting.ended > 0);
      console.log(
        `scaling: ${load.answered} requests, 0 failed; ${lasting.ended} WebSockets and event streams ended in order, 0 cut`,
      );
    });
  });

  test('refuses what is no number of workers', async () => {
    await spawned('refused', 1, async (balancer) => {
      for (const asked of [0, -1, 1.5, '', 'many', '+', '-1', 2000]) {
        await assert.rejects(balancer.scale(asked), { code: 'MS_INVALID_OPTION' }, String(asked));
      }
    });
    await assert.rejects(new LoadBalancer().scale(2), { code: 'MS_NOT_RUNNING' });
  });
});
