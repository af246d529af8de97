import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { CLIENT, PATIENCE, Site } from './example.js';

interface Message {
  type: 'welcome' | 'joined' | 'left' | 'message';
  name?: string;
  text?: string;
  worker?: string;
  pid?: number;
  address?: string;
}

/** Somebody in the chat, who remembers all that was heard. */
class Guest {
  readonly name: string;
  readonly socket: WebSocket;
  readonly heard: Message[] = [];
  readonly #news = new EventEmitter();

  constructor(name: string, port: number) {
    this.name = name;
    this.socket = new WebSocket(`ws://127.0.0.1:${port}/chat?name=${name}`, { localAddress: CLIENT });
    this.socket.on('error', (error) => this.#news.emit('error', error));
    this.socket.on('message', (data: Buffer) => {
      this.heard.push(JSON.parse(data.toString()) as Message);
      this.#news.emit('heard');
    });
  }

  async hears(wanted: (message: Message) => boolean): Promise<Message> {
    for (;;) {
      const found = this.heard.find(wanted);
      if (found !== undefined) return found;
      await once(this.#news, 'heard', { signal: AbortSignal.timeout(PATIENCE) });
    }
  }

  welcome = (): Promise<Message> => this.hears(({ type }) => type === 'welcome');
}

describe('the WebSocket chat example', () => {
  const site = new Site({ args: ['examples/websocket-chat/app.js'] });
  const guests: Guest[] = [];
  before(async () => site.start());
  after(async () => {
    for (const { socket } of guests) socket.terminate();
    await site.stop();
  });

  it('lets guests in at both workers and knows their address', async () => {
    for (const name of ['ann', 'bob', 'cid', 'dora']) guests.push(new Guest(name, site.port));
    const welcomes = await Promise.all(guests.map((guest) => guest.welcome()));
    assert.deepEqual(new Set(welcomes.map(({ worker }) => worker)), new Set(['0', '1']));
    assert.deepEqual(new Set(welcomes.map(({ address }) => address)), new Set([CLIENT]));
  });

  it('carries what is said to everybody in the room, and to nobody else', async () => {
    const rooms = await Promise.all(guests.map(async (guest) => (await guest.welcome()).worker));
    for (const { name, socket } of guests) socket.send(`Hello, ${name} here`);
    for (const [i, guest] of guests.entries()) {
      const speakers = guests.filter((_, j) => rooms[j] === rooms[i]).map(({ name }) => name);
      for (const speaker of speakers) {
        await guest.hears(
          ({ type, name, text }) => type === 'message' && name === speaker && text === `Hello, ${name} here`,
        );
      }
      const heard = guest.heard.filter(({ type }) => type === 'message').map(({ name }) => name);
      assert.deepEqual(new Set(heard), new Set(speakers));
    }
  });

  it('says goodbye', async () => {
    const rooms = await Promise.all(guests.map(async (guest) => (await guest.welcome()).worker));
    const [leaving] = guests;
    const closed = once(leaving!.socket, 'close');
    leaving!.socket.close(4001, 'bye');
    const [code] = (await closed) as [number];
    assert.equal(code, 4001);
    const stays = guests.find((guest, i) => guest !== leaving && rooms[i] === rooms[0]);
    if (stays !== undefined) await stays.hears(({ type, name }) => type === 'left' && name === leaving!.name);
  });

  it('counts a chat as over once its guest has left', async () => {
    for (const { socket } of guests) {
      if (socket.readyState === WebSocket.CLOSED) continue;
      const closed = once(socket, 'close');
      socket.close();
      await closed;
    }
    const deadline = Date.now() + PATIENCE;
    while (site.status().inFlight !== 0 && Date.now() < deadline) await sleep(50);
    const { inFlight, endpoints } = site.status();
    assert.equal(inFlight, 0);
    for (const endpoint of endpoints) assert.deepEqual([endpoint.inFlight, endpoint.failures], [0, 0]);
  });

  it('serves its page', async () => {
    const { status, text } = await site.ask('/');
    assert.equal(status, 200);
    assert.match(text, /<h1>Chat<\/h1>/);
  });

  it('stops on Ctrl-C and leaves no process', async () => {
    const pids = new Set((await Promise.all(guests.map((guest) => guest.welcome()))).map(({ pid }) => pid!));
    assert.ok(await site.stop());
    await site.goneAll(pids);
  });
});
