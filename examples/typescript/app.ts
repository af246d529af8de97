import { serve } from '@hono/node-server';
import { getConnInfo } from '@hono/node-server/conninfo';
import { Hono } from 'hono';
import { streamText } from 'hono/streaming';

interface Identity {
  worker: string | undefined;
  pid: number;
  client: string | undefined;
}

const app = new Hono();

app.get('/whoami', (c) => {
  const { address: client } = getConnInfo(c).remote;
  return c.json<Identity>({ worker: process.env['MULTISERVER_WORKER'], pid: process.pid, client });
});

app.post('/echo', async (c) => c.json(await c.req.json<object>()));

app.get('/countdown', (c) =>
  streamText(c, async (stream): Promise<void> => {
    for (let left = 3; left > 0; left--) {
      await stream.writeln(`${left}`);
      await stream.sleep(100);
    }
    await stream.writeln('go');
  }),
);

serve({ fetch: app.fetch, port: 3000 });
