import assert from 'node:assert/strict';
import type { LoadBalancerOptions } from 'node-multiserver';
import { head, post, get, pause, response, wire, type Call, type Stage } from './harness.js';
import { BlackHole } from './harness/black-hole.js';

/**
 * What becomes of a request whose endpoint is at fault, while another one is well.
 *
 * `moved`: the other answers and the client notices nothing; `cut`: the client sees that the answer is not whole; `whole`: it gets all;
 * `ended`: the tunnel closes, which is no fault; a status with a code is an answer of the balancer itself, and then the other endpoint has
 * not seen the request. `!`: it counts against the endpoint, and is told. No endpoint sees a request twice.
 */
const FRESH = `
                    | GET                      | small POST               | streaming POST           | upgrade
refused             | moved !                  | moved !                  | moved !                  | moved !
black-holed         | moved !                  | moved !                  | moved !                  | moved !
reset before head   | moved !                  | 502 MS_ENDPOINT_RESET !  | 502 MS_ENDPOINT_RESET !  | moved !
closed before head  | moved !                  | 502 MS_ENDPOINT_CLOSED ! | 502 MS_ENDPOINT_CLOSED ! | moved !
reset in head       | 502 MS_ENDPOINT_RESET !  | 502 MS_ENDPOINT_RESET !  | 502 MS_ENDPOINT_RESET !  | 502 MS_ENDPOINT_RESET !
reset after head    | cut !                    | cut !                    | cut !                    | ended
cut body            | cut !                    | cut !                    | cut !                    | ended
garbage             | 502 MS_BAD_RESPONSE !    | 502 MS_BAD_RESPONSE !    | 502 MS_BAD_RESPONSE !    | 502 MS_BAD_RESPONSE !
never answers       | 504 MS_RESPONSE_TIMEOUT !| 504 MS_RESPONSE_TIMEOUT !| 504 MS_RESPONSE_TIMEOUT !| 504 MS_RESPONSE_TIMEOUT !
slow bytes of head  | 504 MS_RESPONSE_TIMEOUT !| 504 MS_RESPONSE_TIMEOUT !| 504 MS_RESPONSE_TIMEOUT !| 504 MS_RESPONSE_TIMEOUT !
slow bytes of body  | whole                    | whole                    | whole                    | whole
`;

/** The endpoint may have closed an idle connection before the request reached it: that is nobody's fault. */
const REUSED = `
                    | GET                      | small POST               | streaming POST           | upgrade
refused             | moved !                  | moved !                  | moved !                  | moved !
black-holed         | 504 MS_RESPONSE_TIMEOUT !| 504 MS_RESPONSE_TIMEOUT !| 504 MS_RESPONSE_TIMEOUT !| 504 MS_RESPONSE_TIMEOUT !
reset before head   | moved                    | 502 MS_ENDPOINT_RESET    | 502 MS_ENDPOINT_RESET    | moved
closed before head  | moved                    | 502 MS_ENDPOINT_CLOSED   | 502 MS_ENDPOINT_CLOSED   | moved
reset in head       | 502 MS_ENDPOINT_RESET !  | 502 MS_ENDPOINT_RESET !  | 502 MS_ENDPOINT_RESET !  | 502 MS_ENDPOINT_RESET !
reset after head    | cut !                    | cut !                    | cut !                    | ended
cut body            | cut !                    | cut !                    | cut !                    | ended
garbage             | 502 MS_BAD_RESPONSE !    | 502 MS_BAD_RESPONSE !    | 502 MS_BAD_RESPONSE !    | 502 MS_BAD_RESPONSE !
never answers       | 504 MS_RESPONSE_TIMEOUT !| 504 MS_RESPONSE_TIMEOUT !| 504 MS_RESPONSE_TIMEOUT !| 504 MS_RESPONSE_TIMEOUT !
slow bytes of head  | 504 MS_RESPONSE_TIMEOUT !| 504 MS_RESPONSE_TIMEOUT !| 504 MS_RESPONSE_TIMEOUT !| 504 MS_RESPONSE_TIMEOUT !
slow bytes of body  | whole                    | whole                    | whole                    | whole
`;

type Kind = 'GET' | 'small POST' | 'streaming POST' | 'upgrade';

const CHUNK = '5\r\nfirst\r\n';
const LAST_CHUNKS = '4\r\nlast\r\n0\r\n\r\n';
const WEBSOCKET = ['Connection: Upgrade', 'Upgrade: websocket'];
const HANDSHAKE = [...WEBSOCKET, 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='];

const REQUESTS: Record<Kind, string> = {
  GET: get('/it'),
  'small POST': post('/it', 'small'),
  'streaming POST': head('POST /it HTTP/1.1', 'Host: a.example', 'Transfer-Encoding: chunked') + CHUNK,
  upgrade: get('/it', ...HANDSHAKE),
};

const HEAD = head('HTTP/1.1 200 OK', 'Content-Length: 26');
const SWITCH = head('HTTP/1.1 101 Switching Protocols', ...WEBSOCKET);
const ANSWER = 'abcdefghijklmnopqrstuvwxyz';
const answerHead = (kind: Kind): string => (kind === 'upgrade' ? SWITCH : HEAD);

/** How the endpoint is at fault once it has the request. */
const FAULTS: Record<string, (call: Call, kind: Kind) => void | Promise<void>> = {
  'black-holed': ({ peer }) => void peer.stopReading(),
  'reset before head': ({ peer }) => void peer.reset(),
  'closed before head': ({ peer }) => void peer.end(),
  'reset in head': (call, kind) => void call.send(answerHead(kind).slice(0, 20)).peer.reset(),
  'reset after head': async (call, kind) => {
    call.send(answerHead(kind));
    await pause(20);
    call.peer.reset();
  },
  'cut body': (call, kind) => void call.send(answerHead(kind), ANSWER.slice(0, 10)).peer.end(),
  garbage: (call) => void call.send('\x16\x03\x01 this is no HTTP\r\n\r\n'),
  'never answers': () => {},
  'slow bytes of head': (call, kind) => dribble(call, answerHead(kind).slice(0, -1)),
  'slow bytes of body': async (call, kind) => {
    call.send(answerHead(kind));
    await dribble(call, ANSWER);
  },
};

const OPTIONS: LoadBalancerOptions = { connectTimeout: 300, responseTimeout: 400, responseIdleTimeout: 1000 };
/** Between the bytes of who is slow: all in all longer than any time-out above, each wait shorter. */
const SLOW = 50;

async function dribble({ peer }: Call, text: string): Promise<void> {
  for (const byte of text) {
    if (peer.ended || peer.gone) return;
    peer.send(byte);
    await pause(SLOW);
  }
}

for (const [connection, table] of [
  ['fresh', FRESH],
  ['re-used', REUSED],
] as const) {
  for (const { fault, kind, outcome } of cellsOf(table)) {
    wire(
      `${kind} over a ${connection} connection, ${fault}: ${outcome}`,
      (stage) => play(stage, fault, kind, outcome, connection === 're-used'),
      // The first one, at fault, is chosen as long as it may be.
      { origins: 2, options: { ...OPTIONS, algorithm: (candidates) => candidates[0] } },
    );
  }
}

async function play(stage: Stage, fault: string, kind: Kind, outcome: string, reused: boolean): Promise<void> {
  const [bad, good] = stage.origins as [Stage['origin'], Stage['origin']];
  const { client, balancer } = stage;
  const problems: string[] = [];
  balancer.events.on('problem', (message) => problems.push(message));
  const hole = fault === 'black-holed' && !reused ? await BlackHole.open() : null;
  if (hole !== null) {
    balancer.endpoints.remove(bad.url);
    balancer.endpoints.remove(good.url);
    balancer.endpoints.add(hole.url);
    balancer.endpoints.add(good.url);
  }
  if (reused) await warmUp(stage);
  if (fault === 'refused') await refuse(stage, reused);
  const [, other] = balancer.endpoints.list();
  const [faulty] = balancer.endpoints.list();
  const before = { faulty: faulty!.requests, seen: bad.calls.length };

  client.send(REQUESTS[kind]);
  const reaches = fault !== 'refused' && hole === null;
  if (reaches) {
    const call = await bad.head();
    await received(stage, call, kind, fault);
    assert.equal(bad.peers.indexOf(call.peer), bad.peers.length - 1);
    void FAULTS[fault]!(call, kind);
  }
  await expectOutcome(stage, outcome.replace(' !', ''), kind);

  assert.equal(faulty!.requests - before.faulty, 1, 'attempts at the endpoint at fault');
  assert.equal(bad.calls.length - before.seen, reaches ? 1 : 0, 'requests it has seen');
  assert.equal(other!.requests, outcome.startsWith('moved') ? 1 : 0, 'attempts at the other one');
  good.expectNothing();
  for (const peer of [...bad.peers, ...good.peers]) peer.close();
  await stage.until('every attempt to have ended', () => faulty!.inFlight === 0 && other!.inFlight === 0);
  assert.equal(faulty!.failures, outcome.endsWith('!') ? 1 : 0, 'failures that count against it');
  assert.equal(other!.failures, 0);
  assert.deepEqual(
    problems.map((problem) => problem.slice(0, problem.indexOf(': '))),
    outcome.endsWith('!') ? [faulty!.url] : [],
  );
  await hole?.close();
}

/** A request answered well, so that there is an idle connection. */
async function warmUp({ client, origin }: Stage): Promise<void> {
  client.send(get('/before'));
  (await origin.request('GET /before')).answer(200);
  await client.response(200);
}

/** Nobody listens any more. An idle connection was closed, and the balancer has seen it. */
async function refuse({ origin }: Stage, reused: boolean): Promise<void> {
  if (reused) {
    const peer = origin.peers[0]!.end();
    await peer.until('the balancer to let it go', () => peer.ended || undefined);
  }
  await origin.close();
}

/** All that the fault waits for; who does not answer must have the whole request first, or it is the client that is waited for. */
async function received({ client }: Stage, call: Call, kind: Kind, fault: string): Promise<void> {
  if (kind !== 'streaming POST') await call.whole();
  else {
    await call.upTo(5);
    if (!/never|slow|black/.test(fault)) return;
    client.send(LAST_CHUNKS);
    await call.whole('firstlast');
  }
}

async function expectOutcome(stage: Stage, outcome: string, kind: Kind): Promise<void> {
  const { client } = stage;
  const [status, code] = outcome.split(' ') as [string, string?];
  if (code !== undefined) {
    const { body } = await client.response(Number(status));
    assert.equal((JSON.parse(body.text) as { code: string }).code, code);
  } else if (outcome === 'moved') await expectMoved(stage, kind);
  else if (kind === 'upgrade') {
    assert.equal((await client.head()).status, 101);
    if (outcome === 'whole') await client.expect(ANSWER);
    else await client.until('the end of the tunnel', () => client.ended || client.gone || undefined);
  } else if (outcome === 'whole') await client.response(200, ANSWER);
  else await client.expectCut(await client.head());
}

/** The other endpoint gets the same request, whole, and its answer arrives. */
async function expectMoved({ client, origins }: Stage, kind: Kind): Promise<void> {
  const call = await origins[1]!.head();
  assert.equal(call.target, '/it');
  if (kind === 'upgrade') {
    call.send(SWITCH, 'hello');
    assert.equal((await client.head()).status, 101);
    await client.expect('hello');
    return;
  }
  if (kind === 'streaming POST') {
    await call.upTo(5);
    client.send(LAST_CHUNKS);
    await call.whole('firstlast');
  } else await call.whole(kind === 'small POST' ? 'small' : '');
  call.send(response(200, 'from the other one'));
  await client.response(200, 'from the other one');
}

function cellsOf(table: string): { fault: string; kind: Kind; outcome: string }[] {
  const [, ...rows] = table.split('\n').filter((line) => line !== '');
  const kinds = Object.keys(REQUESTS) as Kind[];
  return rows.flatMap((row) => {
    const [fault = '', ...outcomes] = row.split('|').map((cell) => cell.trim().replace(/(?<=\w)!/, ' !'));
    return kinds.map((kind, i) => ({ fault, kind, outcome: outcomes[i]! }));
  });
}

wire(
  'a PUT of which a new connection has taken the head is not sent again when a piece of its body waits to leave as the endpoint closes',
  async ({ client, origins }) => {
    const [bad, good] = origins as [Stage['origin'], Stage['origin']];
    client.send(REQUESTS['streaming POST'].replace('POST', 'PUT'));
    const call = await bad.head();
    await call.upTo(5);
    // In this order the balancer hears of both, in one turn of its event loop.
    client.send('6\r\nsecond\r\n');
    call.peer.end();
    const { body } = await client.response(502);
    assert.equal((JSON.parse(body.text) as { code: string }).code, 'MS_ENDPOINT_CLOSED');
    good.expectNothing();
  },
  { origins: 2, options: { ...OPTIONS, algorithm: (candidates) => candidates[0] } },
);

wire(
  'with 504 among the statuses to retry, a safe request whose endpoint is too slow goes to another one, and a POST does not',
  async ({ client, origins, balancer }) => {
    const [bad, good] = origins as [(typeof origins)[0], (typeof origins)[0]];
    client.send(get('/1'));
    await bad.request('GET /1');
    (await good.request('GET /1')).answer(200, 'moved');
    await client.response(200, 'moved');
    client.send(post('/2', 'once'));
    await bad.request('POST /2');
    await client.response(504);
    good.expectNothing();
    assert.equal(balancer.endpoints.list()[0]!.failures, 2);
  },
  {
    origins: 2,
    options: { ...OPTIONS, retries: { statuses: [504] }, algorithm: (candidates) => candidates[0] },
  },
);

wire(
  'of many requests whose endpoint is too slow at once no more than the budget go to another one; the rest asks once more, and fails if there is still no room',
  async (stage) => {
    const [, good] = stage.origins as [Stage['origin'], Stage['origin']];
    const ask = async (): Promise<number[]> => {
      const clients = Array.from({ length: 6 }, () => stage.connect().send(get('/')));
      const answers = await Promise.all(clients.map((client) => client.response()));
      return answers.map(({ status }) => status).toSorted();
    };
    const three = ask();
    await good.until('three retries', () => good.calls.length === 3 || undefined);
    await stage.until('the others to be told', () => stage.balancer.status().inFlight === 3);
    assert.equal(good.calls.length, 3);
    for (const call of good.calls) call.answer(200);
    assert.deepEqual(await three, [200, 200, 200, 504, 504, 504]);
    good.onCall = (call) => call.answer(200);
    assert.deepEqual(await ask(), [200, 200, 200, 200, 200, 200]);
  },
  {
    origins: 2,
    options: {
      ...OPTIONS,
      retries: { statuses: [504], maxBackoff: '1500ms' },
      health: { failures: 100 },
      algorithm: (candidates) => candidates[0],
    },
  },
);

wire(
  'what a retry has led to holds no place in the budget, however long it lasts',
  async (stage) => {
    const [bad, good] = stage.origins as [Stage['origin'], Stage['origin']];
    bad.onCall = (call) => call.peer.reset();
    good.onCall = (call) =>
      call.send(head('HTTP/1.1 200 OK', 'Content-Type: text/event-stream', 'Transfer-Encoding: chunked'));
    const streams = Array.from({ length: 4 }, () => stage.connect());
    for (const client of streams) assert.equal((await client.send(get('/')).head()).status, 200);
    good.onCall = (call) => call.answer(200);
    await stage.connect().send(get('/')).response(200);
  },
  {
    origins: 2,
    options: {
      ...OPTIONS,
      retries: { backoff: 1, maxBackoff: 1 },
      health: { failures: 100 },
      algorithm: (candidates) => candidates[0],
    },
  },
);

wire(
  'where no other endpoint is left the same one is tried again, at most three times, and then the client is told',
  async ({ client, origin, balancer }) => {
    await origin.close();
    client.send(get('/'));
    const { body } = await client.response(502);
    assert.equal((JSON.parse(body.text) as { code: string }).code, 'MS_CONNECT_FAILED');
    assert.equal(balancer.endpoints.list()[0]!.requests, 4);
  },
  { options: OPTIONS },
);
