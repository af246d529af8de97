import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoadBalancer } from 'node-multiserver';
import { get, wire } from './harness.js';

test('who listens right after the constructor hears of its endpoints, and of what else has happened there', async () => {
  const none = { name: 'none', start: () => assert.fail('not today'), stop: () => {} };
  const balancer = new LoadBalancer({
    endpoints: ['http://127.0.0.1:1', none],
    pools: { more: ['http://127.0.0.1:2'] },
  });
  const told: string[] = [];
  balancer.events.on('change', ({ url, pool }, { from, to }) => told.push(`${pool} ${url}: ${from} → ${to}`));
  balancer.events.on('ready', ({ url }) => told.push(url));
  balancer.events.on('problem', (message) => told.push(message));
  await new Promise(setImmediate);
  await balancer.close();
  assert.deepEqual(told, [
    'Endpoints of none could not be found (not today); there are none yet.',
    'default http://127.0.0.1:1: starting → ready',
    'http://127.0.0.1:1',
    'more http://127.0.0.1:2: starting → ready',
    'http://127.0.0.1:2',
  ]);
});

wire(
  'a listener that throws has thrown by itself: the request in whose midst it was called goes on, and other events are told',
  async ({ balancer, client, origins }) => {
    const [bad, good] = origins as [(typeof origins)[0], (typeof origins)[0]];
    bad.onCall = (call) => call.peer.socket.destroy();
    good.onCall = (call) => call.answer(200);
    const error = new Error('of the listener');
    const told: string[] = [];
    balancer.events.on('change', () => {
      throw error;
    });
    balancer.events.on('eject', ({ url }) => told.push(url));
    const uncaught: unknown[] = [];
    process.setUncaughtExceptionCaptureCallback((thrown) => uncaught.push(thrown));
    try {
      client.send(get('/'));
      await client.response(200);
    } finally {
      process.setUncaughtExceptionCaptureCallback(null);
    }
    assert.deepEqual(uncaught, [error]);
    assert.deepEqual(told, [bad.url]);
  },
  { origins: 2, options: { health: { failures: 1 } } },
);
