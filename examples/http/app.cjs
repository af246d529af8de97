const { createServer } = require('node:http');

const server = createServer((req, res) => {
  if (req.url === '/whoami') {
    const client = req.socket.remoteAddress;
    res.setHeader('Content-Type', 'application/json');
    res.end(JSON.stringify({ worker: process.env.MULTISERVER_WORKER, pid: process.pid, client }));
  } else if (req.url === '/echo' && req.method === 'POST') {
    res.setHeader('Content-Type', req.headers['content-type'] ?? 'application/octet-stream');
    req.pipe(res);
  } else if (req.url === '/countdown') {
    countdown(res);
  } else {
    res.statusCode = 404;
    res.end('Not found\n');
  }
});

function countdown(res) {
  let left = 3;
  const timer = setInterval(() => {
    if (left > 0) res.write(`${left--}\n`);
    else res.end('go\n');
  }, 100);
  res.on('close', () => clearInterval(timer));
}

server.listen(3000, () => {
  console.log(`listening on port ${server.address().port}`);
});
