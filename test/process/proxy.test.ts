import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { AppFolder, ask, type Instance, running } from './instance.js';

const folder = new AppFolder();
let well = true;
const servers: Server[] = ['one', 'two'].map((name) =>
  createServer((request, response) => {
    response.statusCode = request.url === '/healthz' && name === 'two' && !well ? 500 : 200;
    response.end(name);
  }),
);
const portOf = (server: Server): number => (server.address() as AddressInfo).port;

before(async () => {
  for (const server of servers) await once(server.listen(0, '127.0.0.1'), 'listening');
});
after(() => {
  for (const server of servers) server.close();
  for (const server of servers) server.closeAllConnections();
  folder.remove();
});

const proxy = (...args: string[]): string[] => ['proxy', ...args, '--listen', '127.0.0.1:0', '--log-format', 'json'];

/** Waits until two requests are answered by these. */
async function untilFrom(instance: Instance, port: number, ...names: string[]): Promise<void> {
  for (;;) {
    const answers = [await ask(port), await ask(port)].map(({ text }) => text);
    if (answers.toSorted().join() === names.toSorted().join()) return;
    assert.ok(!instance.ended, instance.stderr);
  }
}

test('proxy follows a file of endpoints, and keeps the last good ones when it is spoiled', async () => {
  const [one, two] = servers.map((server) => `http://127.0.0.1:${portOf(server)}`) as [string, string];
  folder.write('endpoints.txt', `${one} # the first\n`);
  await running(
    proxy('file:endpoints.txt'),
    async (instance) => {
      const port = await instance.port();
      await untilFrom(instance, port, 'one', 'one');
      writeFileSync(join(folder.path, 'endpoints.txt'), `${one}\n${two} weight=1\n`);
      await untilFrom(instance, port, 'one', 'two');
      writeFileSync(join(folder.path, 'endpoints.txt'), `${one} weigth=1\n`);
      const { message } = await instance.line('problem');
      assert.match(
        message,
        /^Endpoints of file:endpoints\.txt could not be found \(line 1: "weigth=1" .*the last 2 are kept\.$/,
      );
      await untilFrom(instance, port, 'one', 'two');
    },
    { cwd: folder.path },
  );
});

test('proxy resolves a name as other programs of the machine do', async () => {
  await running(proxy(`dns://localhost:${portOf(servers[0]!)}`), async (instance) => {
    assert.equal((await ask(await instance.port())).text, 'one');
  });
});

test('proxy says what it does not understand before it listens', async () => {
  await running(proxy('dns://localhost/path'), async (instance) => {
    assert.equal((await instance.exit()).code, 2);
    assert.match(instance.stderr, /"dns:\/\/localhost\/path" names no endpoints: write dns:\/\/NAME:PORT/);
  });
});

test('--health takes out what is not well and brings it back', async () => {
  const urls = servers.map((server) => `127.0.0.1:${portOf(server)}`);
  await running(proxy(...urls, '--health', '/healthz', '--health-check-interval', '50ms'), async (instance) => {
    const port = await instance.port();
    await untilFrom(instance, port, 'one', 'two');
    well = false;
    const { reason } = await instance.line('eject');
    assert.match(String(reason), /^its health check fails: status 500$/);
    await untilFrom(instance, port, 'one', 'one');
    well = true;
    await untilFrom(instance, port, 'one', 'two');
  });
});

test('--rate-limit answers with 429 what is too much', async () => {
  const url = `127.0.0.1:${portOf(servers[0]!)}`;
  await running(proxy(url, '--rate-limit', '3/h', '--rate-limit-burst', '2'), async (instance) => {
    const port = await instance.port();
    const answers = [await ask(port), await ask(port), await ask(port)];
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 429],
    );
    assert.ok(Number(answers[2]!.headers['retry-after']) > 1190);
  });
});
