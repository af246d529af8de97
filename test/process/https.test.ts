import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { Authority } from '../https/authority.js';
import { assertSays, multiserver } from './command.js';
import { AppFolder, control, type Instance, running } from './instance.js';

let authority: Authority;
const folder = new AppFolder();
after(() => folder.remove());

before(async () => {
  authority = await Authority.create();
  folder.write(
    'app.cjs',
    `require('node:http').createServer((request, response) => {
  response.end(JSON.stringify([request.socket.encrypted, request.socket.remoteAddress]));
}).listen(0)`,
  );
});

/** Files of a new certificate, relative to the folder. */
async function files(name: string, host: string, days = 5): Promise<{ cert: string; key: string }> {
  const issued = await authority.issue({ names: [host], days });
  folder.write(`${name}.crt`, issued.cert);
  folder.write(`${name}.key`, issued.key);
  return { cert: `${name}.crt`, key: `${name}.key` };
}

const start = ['start', 'app.cjs', '-w', '1', '--listen', '127.0.0.1:0'];
const shop = ['--https-cert', 'shop.crt', '--https-key', 'shop.key'];

const serving = (args: readonly string[], play: (instance: Instance) => Promise<void>) =>
  running([...start, ...shop, ...args], play, { cwd: folder.path });

async function hello(instance: Instance, servername: string, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const port = await instance.port();
  return connect({ host: '127.0.0.1', port, servername, ca: authority.cert, ...options });
}

/** The serial number of the certificate that clients of that name are shown, once they have believed it. */
async function shown(instance: Instance, servername: string): Promise<string> {
  const socket = await hello(instance, servername);
  await once(socket, 'secureConnect');
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

describe('start with a certificate', () => {
  test('serves HTTPS, by the name that the client asks for', async () => {
    await files('shop', 'shop.test');
    const more = await files('more', 'more.test');
    folder.write('multiserver.config.json', JSON.stringify({ https: { certificates: [more] } }));
    await serving([], async (instance) => {
      const port = await instance.port();
      assert.match(String((await instance.line('boot')).addresses), /^https:\/\/127\.0\.0\.1:\d+$/);
      for (const servername of ['shop.test', 'more.test']) {
        const where = { host: '127.0.0.1', port, servername, ca: authority.cert, localAddress: '127.0.0.3' };
        const [response] = (await once(get({ ...where, agent: false }), 'response')) as [IncomingMessage];
        let text = '';
        for await (const piece of response.setEncoding('utf8')) text += String(piece);
        assert.deepEqual(JSON.parse(text), [true, '127.0.0.3'], servername);
      }
    });
    folder.write('multiserver.config.json', '{}');
  });

  test('takes a new one at a reload, and keeps the one in use when the new one is bad', async () => {
    await files('shop', 'shop.test');
    await serving([], async (instance) => {
      const first = await shown(instance, 'shop.test');
      await files('shop', 'shop.test');
      await control(instance, 'reload');
      const second = await shown(instance, 'shop.test');
      assert.notEqual(second, first);
      await files('shop', 'shop.test', -1);
      await control(instance, 'reload');
      const { message } = await instance.line('problem');
      assert.match(message, /^The certificate shop\.crt expired on .*: renew it\. The one in use stays\.$/);
      assert.equal(await shown(instance, 'shop.test'), second);
    });
  });

  test('resumes sessions after a restart, and those of another process', async () => {
    await files('shop', 'shop.test');
    const shared = ['--https-ticket-keys', 'tickets'];
    let session: Buffer | undefined;
    const resumes = async (instance: Instance): Promise<boolean> => {
      const socket = await hello(instance, 'shop.test', session === undefined ? {} : { session });
      const tickets = once(socket, 'session');
      await once(socket, 'secureConnect');
      const reused = socket.isSessionReused();
      if (session === undefined) [session] = (await tickets) as [Buffer];
      socket.destroy();
      return reused;
    };
    await serving(shared, async (instance) => {
      assert.equal(await resumes(instance), false);
      await serving(shared, async (other) => assert.equal(await resumes(other), true));
    });
    await serving(shared, async (instance) => assert.equal(await resumes(instance), true));
  });

  test('that is bad says what is wrong with it, and starts nothing', async () => {
    await files('shop', 'shop.test');
    await files('other', 'other.test');
    folder.write('none.crt', 'no certificate');
    const says = async (cert: string, key: string, message: string) =>
      assertSays(
        await multiserver([...start, '--https-cert', cert, '--https-key', key], { cwd: folder.path }),
        1,
        message,
      );
    await says(
      'none.crt',
      'shop.key',
      'The certificate none.crt is no PEM file: it has no "-----BEGIN CERTIFICATE-----".',
    );
    await says('shop.crt', 'none.crt', 'The private key none.crt is no valid PEM key.');
    await says(
      'shop.crt',
      'other.key',
      'The certificate shop.crt does not belong to the private key that was given with it.',
    );
    await says(
      join(folder.path, 'x'),
      'shop.key',
      `The certificate ${folder.path}/x cannot be read: there is no such file.`,
    );
  });
});
