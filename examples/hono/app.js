import { serve } from '@hono/node-server';
import { getConnInfo } from '@hono/node-server/conninfo';
import { Hono } from 'hono';
import { streamText } from 'hono/streaming';

const app = new Hono();

app.get('/whoami', (c) =>
  c.json({
    worker: process.env.MULTISERVER_WORKER,
    pid: process.pid,
    client: getConnInfo(c).remote.address,
  }),
);

app.post('/echo', async (c) => c.json(await c.req.json()));

app.get('/countdown', (c) =>
  streamText(c, async (stream) => {
    for (let left = 3; left > 0; left--) {
      await stream.writeln(`${left}`);
      await stream.sleep(100);
    }
    await stream.writeln('go');
  }),
);

serve({ fetch: app.fetch, port: 3000 });
