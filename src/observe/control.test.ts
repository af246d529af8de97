import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { callControl, instanceName, openControl, runningInstances, type Control } from './control.js';

describe('the control socket', () => {
  let directory = '';
  let open: Control[] = [];
  const start = async (name: string, commands = {}) => {
    const control = await openControl(name, commands);
    open.push(control);
    return control;
  };

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'multiserver-control-'));
    process.env.XDG_RUNTIME_DIR = directory;
  });
  afterEach(() => {
    for (const control of open) control.close();
    open = [];
    delete process.env.XDG_RUNTIME_DIR;
    rmSync(directory, { recursive: true, force: true });
  });

  it('carries a command with its input to the instance, and its answer back', async () => {
    await start('shop', { add: ({ a, b }: { a: number; b: number }) => ({ sum: a + b }), nothing: () => undefined });
    assert.deepEqual(await callControl('shop', 'add', { a: 1, b: 2 }), { sum: 3 });
    assert.equal(await callControl('shop', 'nothing'), null);
  });

  it('tells why a command failed, and that there is no such command', async () => {
    await start('shop', {
      fail: () => {
        throw new Error('the shop is shut');
      },
    });
    await assert.rejects(callControl('shop', 'fail'), { code: 'MS_CONTROL_FAILED', message: /the shop is shut/ });
    await assert.rejects(callControl('shop', 'toString'), { code: 'MS_CONTROL_FAILED', message: /no such command/ });
  });

  it('takes no input above its bound', async () => {
    await start('shop', { echo: (input: unknown) => input });
    await assert.rejects(callControl('shop', 'echo', 'x'.repeat(70_000)), { code: 'MS_CONTROL_FAILED' });
  });

  it('is given up by its caller when no answer comes in time', async () => {
    await start('shop', { hang: () => new Promise(() => {}) });
    await assert.rejects(callControl('shop', 'hang', undefined, 50), {
      code: 'MS_CONTROL_FAILED',
      message: /does not answer/,
    });
  });

  it('says so when no instance of the name runs', async () => {
    await assert.rejects(callControl('shop', 'status'), {
      code: 'MS_NOT_RUNNING',
      message: 'No instance named shop is running.',
    });
  });

  it('is refused to a second live instance of the name, which leaves the first alone', async () => {
    await start('shop', { who: () => 'first' });
    await assert.rejects(openControl('shop', {}), { code: 'MS_ALREADY_RUNNING' });
    assert.equal(await callControl('shop', 'who'), 'first');
  });

  it('of a dead instance is replaced', async () => {
    mkdirSync(join(directory, 'multiserver'), { mode: 0o700 });
    const path = join(directory, 'multiserver', 'shop.sock');
    const child = spawn(process.execPath, [
      '-e',
      `require('net').createServer().listen(${JSON.stringify(path)},()=>console.log('up'))`,
    ]);
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.ok(existsSync(path));
    await start('shop', { who: () => 'second' });
    assert.equal(await callControl('shop', 'who'), 'second');
  });

  it('is listed while its instance lives, among others', async () => {
    const shop = await start('shop');
    await start('blog');
    assert.deepEqual(await runningInstances(), ['blog', 'shop']);
    shop.close();
    assert.deepEqual(await runningInstances(), ['blog']);
    assert.ok(!existsSync(shop.path));
  });

  it('is never opened in a directory that others can enter, or that is a link', async () => {
    const place = join(directory, 'multiserver');
    mkdirSync(place, { mode: 0o755 });
    await assert.rejects(openControl('shop', {}), { code: 'MS_CONTROL_FAILED', message: /only you can enter/ });
    chmodSync(place, 0o700);
    await start('shop');
    rmSync(place, { recursive: true });
    mkdirSync(join(directory, 'elsewhere'), { mode: 0o700 });
    symlinkSync(join(directory, 'elsewhere'), place);
    await assert.rejects(openControl('shop', {}), { code: 'MS_CONTROL_FAILED', message: /only you can enter/ });
  });

  it('whose path the system would cut off is refused', async () => {
    process.env.XDG_RUNTIME_DIR = join(directory, 'x'.repeat(80));
    mkdirSync(process.env.XDG_RUNTIME_DIR, { mode: 0o700 });
    await assert.rejects(openControl('shop', {}), { code: 'MS_CONTROL_FAILED', message: /too long/ });
  });
});

describe('the name of an instance', () => {
  it("is by default its folder's, made safe for a file", () => {
    assert.equal(instanceName(undefined, '/srv/my app!'), 'my-app-');
    assert.equal(instanceName(undefined, '/srv/..hidden'), 'hidden');
    assert.equal(instanceName(undefined, '/'), 'multiserver');
    assert.equal(instanceName(undefined, `/${'long'.repeat(40)}`).length, 40);
  });

  it('has a number from the second instance of a folder on', () => {
    assert.equal(instanceName(undefined, '/srv/shop', 1), 'shop');
    assert.equal(instanceName(undefined, '/srv/shop', 2), 'shop-2');
    assert.equal(instanceName(undefined, `/${'l'.repeat(50)}`, 12), `${'l'.repeat(37)}-12`);
  });

  it('that is given is taken as it is or refused', () => {
    assert.equal(instanceName('shop-1.eu', '/'), 'shop-1.eu');
    for (const bad of ['', '../x', 'a/b', '.x', 'x'.repeat(41), 'ü']) {
      assert.throws(() => instanceName(bad, '/'), { code: 'MS_INVALID_OPTION' });
    }
  });
});
