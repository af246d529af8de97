import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { resetNow } from './write-stall.js';

const handles = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length;

test('a reset lets go of a socket, whatever of its end has been said already', { timeout: 20_000 }, async () => {
  const server = net.createServer({ allowHalfOpen: true }, (socket) => socket.on('error', () => {}).resume());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  for (const say of ['nothing', 'all but the end', 'its end, unsent', 'its end']) {
    const { port } = server.address() as AddressInfo;
    const accepted = once(server, 'connection') as Promise<[net.Socket]>;
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => {});
    await once(socket, 'connect');
    const [other] = await accepted;
    const closed = once(socket, 'close');
    if (say === 'all but the end') socket.write('text');
    if (say.startsWith('its end')) socket.end();
    if (say === 'its end') await once(socket, 'finish');
    resetNow(socket);
    await closed;
    other.destroy();
    await once(other, 'close');
  }
  server.close();
  await once(server, 'close');
  assert.equal(handles(), 0);
});
