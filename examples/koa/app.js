import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import Koa from 'koa';

const app = new Koa();

app.use(async (ctx, next) => {
  if (ctx.path !== '/whoami') return next();
  ctx.body = { worker: process.env.MULTISERVER_WORKER, pid: process.pid, client: ctx.ip };
});

app.use(async (ctx, next) => {
  if (ctx.path !== '/echo' || ctx.method !== 'POST') return next();
  ctx.type = ctx.get('content-type');
  ctx.body = ctx.req; // streamed back as it comes
});

app.use(async (ctx, next) => {
  if (ctx.path !== '/countdown') return next();
  ctx.type = 'text';
  ctx.body = Readable.from(countdown());
});

async function* countdown() {
  for (let left = 3; left > 0; left--) {
    yield `${left}\n`;
    await sleep(100);
  }
  yield 'go\n';
}

app.listen(3000);
