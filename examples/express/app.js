import { join } from 'node:path';
import express from 'express';

const app = express();

app.use(express.static(join(import.meta.dirname, 'public')));
app.use(express.json());

// req.ip is the client's address, although the request came through the balancer: no 'trust proxy' needed.
app.get('/whoami', (req, res) => {
  res.json({ worker: process.env.MULTISERVER_WORKER, pid: process.pid, client: req.ip });
});

app.post('/echo', (req, res) => {
  res.json(req.body);
});

app.get('/countdown', (req, res) => {
  let left = 3;
  res.type('text');
  const timer = setInterval(() => {
    if (left > 0) res.write(`${left--}\n`);
    else res.end('go\n');
  }, 100);
  res.on('close', () => clearInterval(timer));
});

app.listen(3000);
