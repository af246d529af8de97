import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { createServer, type Server, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { type EndpointTls, LoadBalancer, type LoadBalancerOptions } from 'node-multiserver';
import { Authority, type Issued } from './authority.js';

let authority: Authority;
let good: Issued;
const servers: Server[] = [];

before(async () => {
  authority = await Authority.create();
  good = await authority.issue({ names: ['localhost', '127.0.0.1'] });
});
after(() => {
  for (const server of servers) server.close();
});

/** An HTTPS server that tells what it sees. */
async function origin(options: ServerOptions = good): Promise<string> {
  const server = createServer(options, (req, res) => {
    const socket = req.socket as TLSSocket & { servername?: string | false };
    const client = options.requestCert ? String(socket.getPeerCertificate().subject?.CN) : '';
    res.end(JSON.stringify([req.headers.host, socket.servername, socket.isSessionReused(), client]));
  });
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Seen {
  readonly status: number;
  readonly text: string;
  readonly problems: readonly string[];
}

/** What a client gets from the endpoint through a balancer. */
async function seen(url: string, options: LoadBalancerOptions, tls?: EndpointTls, times = 1): Promise<Seen> {
  const balancer = new LoadBalancer(options);
  const problems: string[] = [];
  balancer.events.on('problem', (message) => problems.push(message));
  try {
    balancer.endpoints.add(url, tls === undefined ? {} : { tls });
    const [address] = await balancer.listen('127.0.0.1:0');
    assert.ok(address !== undefined && 'port' in address);
    let status = 0;
    let text = '';
    for (let i = 0; i < times; i++) {
      const call = get({ port: address.port, host: '127.0.0.1', headers: { host: 'shop.example' }, agent: false });
      const [response] = (await once(call, 'response')) as [IncomingMessage];
      status = response.statusCode!;
      text = '';
      for await (const piece of response.setEncoding('utf8')) text += String(piece);
    }
    return { status, text, problems };
  } finally {
    await balancer.close({ timeout: 0 });
  }
}

test('an https endpoint is verified against the authority that is given', async () => {
  const { status, text, problems } = await seen(await origin(), { endpointTls: { ca: authority.cert } });
  assert.deepEqual([status, text], [200, '["shop.example",false,false,""]']);
  assert.deepEqual(problems, []);
});

describe('an endpoint whose certificate proves nothing gets no request', () => {
  const cases: [
    what: string,
    wish: () => Promise<Issued>,
    options: LoadBalancerOptions,
    why: RegExp,
    advice: RegExp,
  ][] = [
    [
      'because its authority is not known',
      async () => good,
      {},
      /issuer is not (known|trusted) \(\w+\)/,
      /endpointTls\.ca/,
    ],
    [
      'because it is for another name',
      () => authority.issue({ names: ['other.example'] }),
      {},
      /it is for another name \(ERR_TLS_CERT_ALTNAME_INVALID\)/,
      /endpointTls\.servername/,
    ],
    [
      'because it has expired',
      () => authority.issue({ names: ['127.0.0.1'], days: -1 }),
      {},
      /it has expired/,
      /must be renewed/,
    ],
  ];
  for (const [what, wish, options, why, advice] of cases) {
    test(what, async () => {
      const url = await origin(await wish());
      const ca = why.source.includes('issuer') ? {} : { endpointTls: { ca: authority.cert } };
      const { status, text, problems } = await seen(url, { ...options, ...ca }, undefined, 3);
      assert.equal(status, 502);
      assert.equal((JSON.parse(text) as { code: string }).code, 'MS_BAD_ENDPOINT_CERTIFICATE');
      assert.doesNotMatch(text, /127\.0\.0\.1/, 'clients are not told of the inside');
      assert.equal(problems.length, 1, 'it is told once, not with each request');
      assert.match(problems[0]!, why);
      assert.match(problems[0]!, advice);
      assert.ok(problems[0]!.startsWith(url));
    });
  }

  test('unless that is asked for', async () => {
    const url = await origin(await authority.issue({ names: ['other.example'] }));
    assert.equal((await seen(url, { endpointTls: { insecure: true } })).status, 200);
    assert.equal(
      (await seen(url, { endpointTls: { ca: authority.cert } }, { servername: 'other.example' })).status,
      200,
    );
  });
});

test('a client certificate is shown, the name asked for is sent, and the host is the one that is wanted', async () => {
  const url = await origin({ ...good, requestCert: true, ca: authority.cert });
  const client = await authority.issue({ names: ['client.example'] });
  const tls = { ca: authority.cert, servername: 'localhost', cert: client.cert, key: client.key };
  const { text } = await seen(url, { preserveHost: false }, tls);
  assert.deepEqual(JSON.parse(text), [url.slice('https://'.length), 'localhost', false, 'client.example']);
  const { status, text: refusal } = await seen(
    await origin({ ...good, requestCert: true, ca: authority.cert, maxVersion: 'TLSv1.2' }),
    { endpointTls: { ca: authority.cert } },
  );
  assert.equal(status, 502, refusal);
});

test('how endpoints are trusted changes live, in both directions, whatever connections there are', async () => {
  const url = await origin();
  const balancer = new LoadBalancer({ endpoints: [url] });
  balancer.events.on('problem', () => {});
  try {
    const [address] = await balancer.listen('127.0.0.1:0');
    assert.ok(address !== undefined && 'port' in address);
    for (const [endpointTls, expected] of [
      [{}, 502],
      [{ ca: authority.cert }, 200],
      [{ ca: undefined, insecure: true }, 200],
      [{ insecure: undefined }, 502],
      [{ ca: authority.cert, servername: 'localhost' }, 200],
      [{ servername: 'other.example' }, 502],
    ] as const) {
      balancer.reconfigure({ endpointTls });
      const [response] = (await once(get({ port: address.port, agent: false }), 'response')) as [IncomingMessage];
      response.resume();
      await once(response, 'end');
      assert.equal(response.statusCode, expected, JSON.stringify(endpointTls));
    }
  } finally {
    await balancer.close({ timeout: 0 });
  }
});

test('a new connection resumes the session of the one before', async () => {
  const balancer = new LoadBalancer({ endpointTls: { ca: authority.cert } });
  try {
    const server = createServer(good, (req, res) => {
      res.setHeader('connection', 'close');
      res.end(String((req.socket as TLSSocket).isSessionReused()));
    });
    servers.push(server.listen(0, '127.0.0.1'));
    await once(server, 'listening');
    balancer.endpoints.add(`https://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const [address] = await balancer.listen('127.0.0.1:0');
    assert.ok(address !== undefined && 'port' in address);
    const answers: string[] = [];
    for (let i = 0; i < 3; i++) {
      const [response] = (await once(get({ port: address.port, host: '127.0.0.1', agent: false }), 'response')) as [
        IncomingMessage,
      ];
      for await (const piece of response.setEncoding('utf8')) answers.push(String(piece));
    }
    assert.deepEqual(answers, ['false', 'true', 'true']);
  } finally {
    await balancer.close({ timeout: 0 });
  }
});

test('what cannot be read is refused when the endpoint is added', () => {
  assert.throws(() => new LoadBalancer({ endpointTls: { ca: 'half a file' } }), { code: 'MS_BAD_CERTIFICATE' });
  const balancer = new LoadBalancer();
  assert.throws(() => balancer.endpoints.add('https://localhost', { tls: { ca: '/nowhere/ca.pem' } }), {
    code: 'MS_BAD_CERTIFICATE',
    message: /\/nowhere\/ca\.pem cannot be read: there is no such file/,
  });
  for (const [given, missing] of [
    ['cert', 'key'],
    ['key', 'cert'],
  ] as const) {
    assert.throws(() => balancer.endpoints.add('https://localhost', { tls: { [given]: good[given] } }), {
      code: 'MS_INVALID_OPTION',
      message: `Option "endpointTls.${given}" was given without "endpointTls.${missing}"; both are needed.`,
    });
  }
  assert.deepEqual(balancer.endpoints.list(), []);
});

test('connections to an https endpoint are used again by many clients at once', async () => {
  // In a process of its own: an answer must come before the balancer's turn is over.
  const script = `
    let opened = 0;
    const server = require('node:https').createServer(JSON.parse(process.env.TLS), (req, res) => res.end(String(opened)));
    server.on('secureConnection', () => opened++);
    server.listen(0, '127.0.0.1', () => process.send(server.address().port));
    process.on('disconnect', () => process.exit());`;
  const child = spawn(process.execPath, ['-e', script], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, TLS: JSON.stringify(good) },
  });
  const balancer = new LoadBalancer({ endpointTls: { insecure: true } });
  const agent = new Agent({ keepAlive: true });
  try {
    const [port] = (await once(child, 'message')) as [number];
    balancer.endpoints.add(`https://127.0.0.1:${port}`);
    const [address] = await balancer.listen('127.0.0.1:0');
    assert.ok(address !== undefined && 'port' in address);
    let opened = 0;
    const client = async (): Promise<void> => {
      for (let i = 0; i < 100; i++) {
        const [response] = (await once(get({ port: address.port, agent }), 'response')) as [IncomingMessage];
        let text = '';
        for await (const piece of response.setEncoding('utf8')) text += String(piece);
        assert.equal(response.statusCode, 200, text);
        opened = Math.max(opened, Number(text));
      }
    };
    await Promise.all(Array.from({ length: 32 }, client));
    // One for each client; twice as many where one is opened just when another is free again.
    assert.ok(opened <= 64, `${opened} connections for 3200 requests`);
  } finally {
    agent.destroy();
    await balancer.close({ timeout: 0 });
    child.disconnect();
  }
});
