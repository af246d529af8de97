import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { LoadBalancer, stickySession } from 'node-multiserver';
import { AppFolder, ask, PATIENCE } from './instance.js';

const folder = new AppFolder();
after(() => folder.remove());
const app = folder.write(
  'app.cjs',
  `require('http').createServer((req, res) => res.end(String(process.pid))).listen(0, '127.0.0.1');`,
);

test('workers of several apps have ids of their own: a cookie names one, maintenance takes out one, a successor inherits its', async () => {
  const balancer = new LoadBalancer({ algorithm: stickySession(), pools: { api: {} } });
  try {
    await balancer.spawn(app, { count: 2 });
    await balancer.spawn(app, { count: 2 });
    await balancer.spawn(app, { count: 1, pool: 'api' });
    assert.throws(() => balancer.pools.remove('api'), {
      code: 'MS_INVALID_OPTION',
      message: /workers of a spawned app/,
    });
    const [address] = await balancer.listen('127.0.0.1:0');
    const { port } = address as { port: number };
    const ids = ['worker:0', 'worker:1', 'worker:2.0', 'worker:2.1', 'worker:3.0'];
    const { endpoints, workers } = balancer.status();
    assert.deepEqual(endpoints.map(({ id }) => id).toSorted(), ids);
    assert.deepEqual(
      workers.map(({ id }) => id),
      ids,
    );

    const pidOf = (id: string): string => String(balancer.endpoints.find(id)?.pid);
    const cookies = new Map<string, string>();
    for (let i = 0; i < 4; i++) {
      const { text, headers } = await ask(port, '/');
      cookies.set(text, headers['set-cookie']![0]!.split(';')[0]!);
    }
    assert.deepEqual([...cookies.keys()].toSorted(), ids.slice(0, 4).map(pidOf).toSorted());
    for (const [pid, cookie] of cookies) {
      for (let i = 0; i < 3; i++) assert.equal((await ask(port, '/', { headers: { cookie } })).text, pid);
    }

    balancer.endpoints.maintenance('worker:2.0');
    const before = pidOf('worker:2.0');
    const taken = balancer.status().endpoints.filter(({ state }) => state !== 'ready');
    assert.deepEqual(
      taken.map(({ id, state }) => [id, state]),
      [['worker:2.0', 'maintenance']],
    );
    process.kill(Number(before), 'SIGKILL');
    const end = performance.now() + PATIENCE;
    while (['undefined', before].includes(pidOf('worker:2.0')) && performance.now() < end) await sleep(20);
    assert.equal(balancer.endpoints.find('worker:2.0')?.state, 'maintenance');
    balancer.endpoints.resume('worker:2.0');
    const cookie = cookies.get(before)!;
    assert.equal((await ask(port, '/', { headers: { cookie } })).text, pidOf('worker:2.0'));
  } finally {
    await balancer.close({ timeout: 0 });
  }
});
