import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import Koa from 'koa';

const app = new Koa();

const routes = {
  'GET /whoami': (ctx) => {
    ctx.body = { worker: process.env.MULTISERVER_WORKER, pid: process.pid, client: ctx.ip };
  },
  'POST /echo': (ctx) => {
    ctx.type = ctx.get('content-type');
    ctx.body = ctx.req; // streamed back as it comes
  },
  'GET /countdown': (ctx) => {
    ctx.type = 'text';
    ctx.body = Readable.from(countdown());
  },
};

app.use((ctx) => routes[`${ctx.method} ${ctx.path}`]?.(ctx));

async function* countdown() {
  for (let left = 3; left > 0; left--) {
    yield `${left}\n`;
    await sleep(100);
  }
  yield 'go\n';
}

app.listen(3000);
