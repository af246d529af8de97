import assert from 'node:assert/strict';
import { get, head, response, wire } from './harness.js';

const BEGUN = {
  'with a length': [head('HTTP/1.1 200 OK', 'Content-Length: 100'), 'half of it'],
  'in chunks': [head('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked'), 'a\r\nhalf of it\r\n'],
  'in the midst of a chunk': [head('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked'), 'ff\r\nhalf of it'],
} as const;

for (const [what, bytes] of Object.entries(BEGUN)) {
  for (const version of ['1.1', '1.0']) {
    for (const how of ['end', 'reset'] as const) {
      wire(
        `an answer ${what} that the endpoint cuts by ${how} is visibly cut for an HTTP/${version} client`,
        async ({ client, origin }) => {
          client.send(head(`GET / HTTP/${version}`, 'Host: a.example'));
          const call = await origin.request();
          call.send(...bytes);
          const response = await client.head();
          await client.bodyOf(response, 10);
          call.peer[how]();
          await client.expectCut(response);
          assert.equal(response.body.text, 'half of it');
        },
      );
    }
  }
}

for (const version of ['1.1', '1.0']) {
  wire(
    `an answer until the close that is reset is visibly cut for an HTTP/${version} client`,
    async ({ client, origin }) => {
      client.send(head(`GET / HTTP/${version}`, 'Host: a.example'));
      const call = await origin.request();
      call.send(head('HTTP/1.1 200 OK'), 'half of it');
      const response = await client.head();
      await client.bodyOf(response, 10);
      call.peer.reset();
      await client.expectCut(response);
    },
  );
}

wire('an answer until the close that is reset together with its last bytes is cut too', async ({ client, origin }) => {
  client.send(get('/'));
  const call = await origin.request();
  call.send(head('HTTP/1.1 200 OK'), 'half of it').peer.reset();
  await client.expectCut(await client.head());
});

wire(
  'an answer whose chunks turn out invalid is visibly cut, and the junk does not pass',
  async ({ client, origin }) => {
    client.send(get('/'));
    const call = await origin.request();
    call.send(...BEGUN['in chunks']);
    const response = await client.head();
    await client.bodyOf(response, 10);
    call.send('junk\r\n0\r\n\r\n');
    await client.expectCut(response);
    await call.peer.expectGone();
  },
);

wire('an answer of which only the head came is visibly cut', async ({ client, origin }) => {
  client.send(get('/'));
  const call = await origin.request();
  call.send(head('HTTP/1.1 200 OK', 'Content-Length: 5')).peer.end();
  const outcome = await client.head();
  if (outcome.status === 502) await client.rest(outcome);
  else await client.expectCut(outcome);
});

wire(
  'bytes beyond the length of an answer reach nobody, and the connection is not used again',
  async ({ client, origin }) => {
    client.send(get('/1'));
    const call = await origin.request('GET /1');
    call.send(`${response(200, 'ok')}${response(200, 'evil')}`);
    await client.response(200, 'ok');
    client.send(get('/2'));
    const next = await origin.request('GET /2');
    assert.notEqual(next.peer, call.peer);
    next.answer(200, 'good');
    await client.response(200, 'good');
  },
);

wire('a request with a length that its client cuts is cut for the endpoint too', async ({ client, origin }) => {
  client.send(head('POST / HTTP/1.1', 'Host: a.example', 'Content-Length: 100'), 'half of it');
  const call = await origin.head();
  await call.upTo(10);
  client.end();
  await call.expectCut();
});

for (const how of ['close', 'reset'] as const) {
  wire(
    `a chunked request whose client goes by ${how} is cut for the endpoint: no last chunk comes`,
    async ({ client, origin }) => {
      client.send(head('POST / HTTP/1.1', 'Host: a.example', 'Transfer-Encoding: chunked'), 'a\r\nhalf of it\r\n');
      const call = await origin.head();
      await call.upTo(10);
      client[how]();
      await call.expectCut();
    },
  );
}

wire('a request whose head its client cuts never reaches the endpoint', async ({ client, origin }) => {
  client.send('GET / HTTP/1.1\r\nHost: a.exam').end();
  await client.expectGone();
  origin.expectNothing();
});

// Only TCP has a reset. Over TLS it is the close_notify that does not come, which Node's client does not look for.
for (const over of ['TLS', 'a Unix socket']) {
  wire(
    `an answer that is cut ends the connection of an HTTP/1.0 client over ${over} too`,
    async ({ client, origin }) => {
      client.send(head('GET / HTTP/1.0', 'Host: a.example'));
      const call = await origin.request();
      call.send(...BEGUN['in chunks']);
      const answer = await client.head();
      await client.bodyOf(answer, 10);
      call.peer.end();
      await client.expectClosed();
    },
    { secure: over === 'TLS', unix: over !== 'TLS' },
  );
}
