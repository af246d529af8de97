import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { ALGORITHMS } from 'node-multiserver';
import { head, pause, type Call } from '../harness.js';
import type { Client, Response } from '../harness/client.js';
import type { Origin } from '../harness/origin.js';
import { Unmet } from '../harness/peer.js';
import { Stage } from '../harness/stage.js';
import { report } from './report.js';
import { ORIGINS, type Ask, type Fault, type Schedule } from './schedule.js';

/** Nobody listens on it, and the system gives it to nobody. */
const REFUSING = 'http://127.0.0.1:1';
const PIECE = 'a piece of the body of ';
/** Of this process alone, where the system has more than one: balancers of other tests may still know an earlier owner of a port. */
const { pid } = process;
const HOST =
  process.platform === 'linux' ? `127.${1 + ((pid >> 16) & 127)}.${(pid >> 8) & 255}.${pid & 255}` : '127.0.0.1';
const SIZES = { none: 0, length: 200, chunked: 3000, large: 100_000 };
const SAFE = ['GET', 'HEAD', 'OPTIONS', 'upgrade'];
const MOST_ATTEMPTS = 4;
/** What the balancer itself may answer in all this. */
const OWN_ANSWERS =
  /^(MS_CONNECT_FAILED|MS_ENDPOINT_(CLOSED|RESET)|MS_BAD_RESPONSE|MS_RESPONSE_(CUT|TIMEOUT)|MS_QUEUE_TIMEOUT|MS_TIMEOUT)$/;

export type Outcome = 'answered' | 'own answer' | 'cut' | 'tunnel' | 'left';

/** Plays one schedule between clients, a balancer and endpoints, all over sockets, and holds what must be true of it. */
export class World {
  readonly #name = randomUUID();
  readonly #schedule: Schedule;
  readonly #stage: Stage;
  /** Attempts of each request that reached an endpoint, whole head. */
  readonly #ledger = new Map<string, number>();
  /** Requests that an endpoint has answered to the end. */
  readonly #answered = new Set<string>();
  /** Requests that must not reach an endpoint any more: octets of an answer were sent, or a new connection died with what is not safe. */
  readonly #closed = new Set<string>();
  /** Connections that have brought a request. */
  readonly #used = new Set<unknown>();
  readonly #problems: unknown[] = [];
  #arrivals = 0;
  readonly outcomes: Outcome[] = [];

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
    this.#stage = new Stage(
      {
        options: {
          algorithm: ALGORITHMS[schedule.algorithm],
          maxConcurrentConnections: schedule.limit,
          connectTimeout: 1000,
          responseTimeout: 150,
          responseIdleTimeout: 500,
          // A machine that stops everything for a minute makes no slow clients.
          bodyIdleTimeout: '10m',
          minBodyRate: 0,
          retries: { statuses: schedule.retriesStatus ? [503] : [], idempotencyKey: schedule.retriesKeys },
        },
      },
      null,
    );
  }

  async play(): Promise<void> {
    const { clients, drops, refusing } = this.#schedule;
    const stage = this.#stage;
    try {
      if (refusing) stage.balancer.endpoints.add(REFUSING);
      await stage.begin({ origins: ORIGINS, host: HOST });
      for (const origin of stage.origins) origin.onCall = (call) => void this.#serve(call).catch(this.#note);
      await Promise.all([
        ...clients.map((asks, i) => this.#converse(asks, i)),
        ...drops.map(async ({ origin, at }) => {
          await pause(at);
          this.#drop(stage.origins[origin]!);
        }),
      ]);
      await this.#check();
      await stage.end(true);
    } catch (error) {
      const standing = report(stage);
      await stage.release();
      throw Object.assign(error as Error, { message: `${(error as Error).message}\n${standing}\n${stage.transcript}` });
    }
  }

  readonly #note = (error: unknown): void => void this.#problems.push(error);

  async #check(): Promise<void> {
    const { balancer } = this.#stage;
    const { clients } = this.#schedule;
    assert.deepEqual(this.#problems, []);
    for (const [i, asks] of clients.entries()) {
      for (const [j, { method, idempotencyKey }] of asks.entries()) {
        const seen = this.#ledger.get(`${i}-${j}`) ?? 0;
        const most = this.#isRepeatable(method, idempotencyKey) ? MOST_ATTEMPTS : 1;
        assert.ok(seen <= most, `endpoints saw ${method} ${i}-${j} ${seen} times`);
      }
    }
    assert.equal(this.outcomes.length, clients.flat().length, 'one outcome for each request');
    for (const origin of this.#stage.origins) for (const peer of origin.peers) peer.close();
    const endpoints = balancer.endpoints.list();
    const inFlight = (): number[] => endpoints.flatMap((endpoint) => [endpoint.inFlight, endpoint.longLived]);
    await this.#stage.until(
      'nothing to be in flight',
      () => balancer.status().queued === 0 && inFlight().every((count) => count === 0),
    );
    assert.equal(balancer.status().inFlight, 0);
    for (const { silentSince } of endpoints) assert.equal(silentSince, Infinity, 'no answer is due any more');
  }

  // ---- clients

  async #converse(asks: readonly Ask[], number: number): Promise<void> {
    let client = this.#stage.connect();
    for (const [i, ask] of asks.entries()) {
      await pause(ask.after);
      if (client.ended || client.socket.destroyed) client = this.#stage.connect();
      const outcome = await this.#ask(client, ask, `${number}-${i}`);
      this.outcomes.push(outcome);
      if (outcome !== 'answered' && outcome !== 'own answer') client.close();
    }
    client.close();
  }

  async #ask(client: Client, ask: Ask, id: string): Promise<Outcome> {
    void send(client, ask, id, this.#name).catch(this.#note);
    if (ask.leavesAfter !== null) {
      await pause(ask.leavesAfter);
      client.close();
      return 'left';
    }
    const response = await client.head(ask.method);
    if (response.status === 101) {
      await client.until('the end of the tunnel', () => client.ended || client.gone || undefined);
      return 'tunnel';
    }
    try {
      await client.rest(response);
    } catch (error) {
      assert.ok(error instanceof Unmet && (client.ended || client.gone), `an answer stands still: ${error}`);
      return 'cut';
    }
    assert.equal(client.input.length, 0, 'octets after the answer');
    if (response.head.field('connection') === 'close') client.close();
    return this.#judge(response, ask, id);
  }

  #judge({ head, body, status }: Response, ask: Ask, id: string): Outcome {
    const answered = head.field('x-id');
    if (answered === undefined) {
      if (ask.method !== 'HEAD') assert.match((JSON.parse(body.text) as { code: string }).code, OWN_ANSWERS);
      assert.ok(status >= 500, `status ${status} of the balancer itself`);
      return 'own answer';
    }
    assert.equal(answered, id, "another request's answer");
    assert.ok(this.#answered.has(id));
    if (ask.method !== 'HEAD') assert.equal(body.text, `the answer to ${id}`);
    return 'answered';
  }

  // ---- endpoints

  /** A reset may overtake an answer on its way: what may be repeated then comes once more. */
  #drop({ calls, peers }: Origin): void {
    for (const call of calls)
      if (this.#isRepeatable(call.method, call.field('idempotency-key') !== undefined))
        this.#closed.delete(call.target.slice(1));
    for (const peer of peers) peer.reset();
  }

  #isRepeatable(method: string, hasKey: boolean): boolean {
    return SAFE.includes(method) || ['PUT', 'DELETE'].includes(method) || (this.#schedule.retriesKeys && hasKey);
  }

  async #serve(call: Call): Promise<void> {
    const id = call.target.slice(1);
    // The balancer of an earlier schedule may still know this port.
    if (call.field('x-world') !== this.#name) {
      call.peer.close();
      return;
    }
    this.#ledger.set(id, (this.#ledger.get(id) ?? 0) + 1);
    assert.ok(!this.#closed.has(id), `an endpoint saw ${call.method} ${id} after its fate was sealed`);
    const fresh = !this.#used.has(call.peer);
    this.#used.add(call.peer);
    const { faults } = this.#schedule;
    const fault = faults[this.#arrivals++ % faults.length]!;
    if (fresh) call.peer.socket.once('end', () => call.peer.close());
    const answer = (): void => {
      // It has closed its side after the answer before, or dropped the connection.
      if (!call.peer.socket.writable) return;
      if (this.#isLast(call, fault, fresh)) this.#closed.add(id);
      this.#answer(call, id, fault);
    };
    if (['answers early', 'resets before head', 'closes before head'].includes(fault)) {
      answer();
      return;
    }
    try {
      await call.whole();
    } catch {
      // The client has left, or this endpoint has dropped it.
      call.peer.close();
      return;
    }
    assert.equal(call.body.text, bodyOf(id, call.body.size), 'the body of the request');
    assert.equal(call.body.size, Number(call.field('x-size')), 'size of the body');
    if (fault === 'slow answer') await pause(5);
    answer();
  }

  /** Whether this is the last attempt there may be, by the table of retries. */
  #isLast(call: Call, fault: Fault, fresh: boolean): boolean {
    const safe = SAFE.includes(call.method);
    const { retriesStatus, retriesKeys } = this.#schedule;
    if (fault === '503') return !(retriesStatus && safe);
    if (!/before head/.test(fault)) return fault !== 'never answers' && fault !== 'slow answer' && fault !== 'none';
    return fresh && !safe && !(retriesKeys && call.field('idempotency-key') !== undefined);
  }

  #answer(call: Call, id: string, fault: Fault): void {
    const { peer } = call;
    const text = `the answer to ${id}`;
    const status = fault === '503' ? '503 Not Now' : '200 OK';
    const close = fault === 'answers early' ? ['Connection: close'] : [];
    const answer = head(`HTTP/1.1 ${status}`, `X-Id: ${id}`, `Content-Length: ${text.length}`, ...close);
    const whole = call.method === 'HEAD' ? answer : answer + text;
    const upgrade = call.field('upgrade') !== undefined;
    switch (fault) {
      case 'resets before head':
      case 'resets before head, request whole':
        peer.reset();
        return;
      case 'closes before head':
        peer.end();
        return;
      case 'resets in head':
        peer.send(answer.slice(0, 30)).reset();
        return;
      case 'garbage':
        peer.send('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n');
        return;
      case 'never answers':
        return;
      default:
    }
    this.#answered.add(id);
    if (upgrade && fault !== '503') {
      peer.send(head('HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: websocket'), 'hello');
      if (fault === 'resets in body') peer.reset();
      else peer.end();
    } else if (fault === 'cuts body') peer.send(whole.slice(0, -1)).end();
    else if (fault === 'resets in body') peer.send(whole.slice(0, -1)).reset();
    else {
      peer.send(whole);
      if (fault === 'closes after answer' || fault === 'answers early') peer.end();
    }
  }
}

function bodyOf(id: string, size: number): string {
  const piece = PIECE + id;
  return piece.repeat(Math.ceil(size / piece.length)).slice(0, size);
}

async function send(client: Client, { method, body, idempotencyKey }: Ask, id: string, world: string): Promise<void> {
  const fields = ['Host: a.example', `X-World: ${world}`, ...(idempotencyKey ? [`Idempotency-Key: ${id}`] : [])];
  if (method === 'upgrade') {
    fields.push('Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', `X-Size: 0`);
    client.send(head(`GET /${id} HTTP/1.1`, ...fields, 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='));
    return;
  }
  const size = SAFE.includes(method) ? 0 : SIZES[body];
  const text = bodyOf(id, size);
  fields.push(`X-Size: ${size}`);
  if (size > 0) fields.push(body === 'chunked' ? 'Transfer-Encoding: chunked' : `Content-Length: ${size}`);
  client.send(head(`${method} /${id} HTTP/1.1`, ...fields));
  const pieces = size === 0 ? [] : [text.slice(0, size / 2), text.slice(size / 2)];
  for (const piece of pieces) {
    await pause(1);
    if (client.socket.destroyed) return;
    client.send(body === 'chunked' ? `${piece.length.toString(16)}\r\n${piece}\r\n` : piece);
  }
  if (size > 0 && body === 'chunked') client.send('0\r\n\r\n');
}
