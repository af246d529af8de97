import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { connect } from 'node:tls';
import { running } from '../process/instance.js';
import { freePorts, Pebble } from './pebble.js';

const missing = (process.env.MULTISERVER_MISSING ?? '').split(' ').includes('pebble') && 'pebble is not here';

describe('automatic HTTPS on the command line', { skip: missing }, () => {
  test('flags and the file of options together get a certificate, and the log tells of it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ms-acme-'));
    const [httpPort, tlsPort] = (await freePorts(2)) as [number, number];
    const pebble = await Pebble.start({ httpPort });
    try {
      writeFileSync(join(folder, 'ca.pem'), pebble.ca);
      const acme = { domains: ['file.test'], email: 'me@file.test', directory: pebble.directory };
      writeFileSync(join(folder, 'multiserver.config.json'), JSON.stringify({ https: { acme } }));
      const where = ['--listen', `http://127.0.0.1:${httpPort}`, '--listen', `https://127.0.0.1:${tlsPort}`];
      const flags = ['--acme-domain', 'flag.test', '--acme-ca', 'ca.pem', '--acme-storage', 'kept'];
      await running(
        ['proxy', 'http://127.0.0.1:1', ...where, ...flags],
        async (instance) => {
          const { domain, validTo, message } = await instance.line('certificate');
          assert.equal(domain, 'flag.test');
          assert.equal(message, `New certificate for flag.test, valid until ${validTo as string}`);
          const socket = connect({
            host: '127.0.0.1',
            port: tlsPort,
            servername: 'flag.test',
            ca: await pebble.root(),
          });
          await once(socket, 'secureConnect');
          socket.destroy();
          const [first] = instance.lines('problem');
          assert.match(first!['message'], /^There is no certificate for flag\.test yet: .* until 127/);
        },
        { cwd: folder },
      );
      assert.equal(readdirSync(join(folder, 'kept')).length, 1);
    } finally {
      await pebble.end();
      rmSync(folder, { recursive: true });
    }
  });

  test('an authority that accepts and then says nothing does not keep it from stopping', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ms-acme-'));
    const sockets = new Set<Socket>();
    const silent = createServer((socket) => void sockets.add(socket.on('error', () => {})));
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const flags = ['--acme-domain', 'a.test', '--acme-directory', `https://127.0.0.1:${port}/dir`];
    try {
      await running(
        ['proxy', 'http://127.0.0.1:1', '--listen', 'http://127.0.0.1:0', ...flags, '--acme-storage', 'kept'],
        async (instance) => {
          await once(silent, 'connection');
          instance.child.kill('SIGTERM');
          assert.equal((await instance.exit()).code, 0);
          assert.equal(instance.stderr, '');
          assert.equal(instance.lines('problem').length, 1, 'that it was stopped is no failure of the authority');
        },
        { cwd: folder },
      );
      const [store] = readdirSync(join(folder, 'kept'));
      assert.deepEqual(readdirSync(join(folder, 'kept', store!)), ['account.pem', 'certificates', 'challenges']);
    } finally {
      for (const socket of sockets) socket.destroy();
      silent.close();
      rmSync(folder, { recursive: true });
    }
  });
});
