import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { Authority } from '../https/authority.js';
import { multiserver, type Outcome } from './command.js';
import { AppFolder } from './instance.js';

const lines = ({ stdout }: Outcome): string[] => stdout.split('\n').slice(0, -1);

describe('doctor', () => {
  const folder = new AppFolder();
  let authority: Authority;
  before(async () => {
    authority = await Authority.create();
    folder.write('app.js', 'throw new Error("it was started")');
    folder.write('shop/app.js', '');
  });
  after(() => folder.remove());

  const doctor = (args: readonly string[], cwd = folder.path): Promise<Outcome> =>
    multiserver(['doctor', ...args], { cwd });

  test('finds everything in order, and starts nothing', async () => {
    const outcome = await doctor([
      'app.js',
      '-w',
      '1',
      '--listen',
      '127.0.0.1:0',
      '--listen',
      `unix:${folder.path}/x.sock`,
    ]);
    assert.deepEqual([outcome.code, outcome.stderr], [0, '']);
    const found = lines(outcome);
    assert.equal(found[0], '✔ The options are right; there is no configuration file.');
    assert.equal(found[1], `✔ The app is ${folder.path}/app.js.`);
    assert.match(found[2]!, /^✔ 1 worker on \d+ cores?\.$/);
    assert.deepEqual(found.slice(3, 5), ['✔ http://127.0.0.1:0 is free.', `✔ unix:${folder.path}/x.sock can be made.`]);
    assert.match(found[5]!, /^[✔▲] .*\d+ files and connections may be open at once/);
    assert.equal(found[6], '✔ Commands such as status and stop will find it.');
  });

  test('tells of all that is wrong at once, and ends with 1', async (t) => {
    const taken = createServer().listen(0, '127.0.0.1');
    t.after(() => taken.close());
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const outcome = await doctor(['none.js', '--timeout', '5x', '-w', '1000', '--listen', `127.0.0.1:${port}`]);
    assert.equal(outcome.code, 1);
    const found = lines(outcome);
    assert.match(found[0]!, /^✖ --timeout must be a duration .*; it is '5x'\.$/);
    assert.equal(found[1], `✖ There is no file ${folder.path}/none.js.`);
    assert.match(found[2]!, /^▲ 1000 workers on \d+ cores?: more than cores seldom help/);
    assert.match(found[3]!, new RegExp(`^✖ Port ${port} is in use`));
  });

  const issued = async (days: number): Promise<string[]> => {
    const { cert, key } = await authority.issue({ names: ['shop.test'], days });
    const args = [
      'app.js',
      '--https-cert',
      folder.write('cert.pem', cert),
      '--https-key',
      folder.write('key.pem', key),
    ];
    return lines(await doctor(args)).filter((line) => line.includes('certificate'));
  };

  test('says how long the certificate is still good', async () => {
    assert.deepEqual(await issued(30.5), ['✔ The certificate for DNS:shop.test is good for 30 days.']);
    assert.match((await issued(5.5))[0]!, /^▲ The certificate for DNS:shop\.test is good for 5 days: renew it soon/);
    assert.match((await issued(-1)).at(-1)!, /^✖ The certificate .* ended on /);
  });

  test('tries the endpoints of the configuration file', async (t) => {
    const endpoint = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
    t.after(() => endpoint.close());
    await once(endpoint, 'listening');
    const url = `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}`;
    const endpoints = [url, 'http://127.0.0.1:1', `unix:${folder.path}/none.sock`];
    folder.write('shop/multiserver.config.json', JSON.stringify({ endpoints, listen: '127.0.0.1:0' }));
    const outcome = await doctor([], `${folder.path}/shop`);
    assert.equal(outcome.code, 1);
    const found = lines(outcome);
    assert.equal(found[0], '✔ The options are right, with multiserver.config.json.');
    assert.ok(found.includes(`✔ ${url} accepts connections.`), outcome.stdout);
    assert.match(outcome.stdout, /\n✖ http:\/\/127\.0\.0\.1:1 cannot be reached \(connect ECONNREFUSED .*\): see /);
    assert.match(outcome.stdout, /\n✖ unix:.*none\.sock cannot be reached \(connect ENOENT .*\): see /);
  });
});
