import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import Fastify from 'fastify';

const app = Fastify({ logger: false });

app.get('/whoami', (request) => ({
  worker: process.env.MULTISERVER_WORKER,
  pid: process.pid,
  client: request.ip,
}));

app.post('/echo', (request) => request.body);

app.get('/countdown', (request, reply) => {
  reply.type('text/plain').send(Readable.from(countdown()));
});

async function* countdown() {
  for (let left = 3; left > 0; left--) {
    yield `${left}\n`;
    await sleep(100);
  }
  yield 'go\n';
}

await app.listen({ port: 3000 });
