import assert from 'node:assert/strict';
import fc from 'fast-check';
import { head, response, wire, type Call, type Stage } from './harness.js';

const SEED = Number(process.env.MULTISERVER_SEED ?? 1);
const RUNS = process.env.MULTISERVER_LONG === undefined ? 60 : 3000;

const ask = fc.record({
  fields: fc.uniqueArray(fc.constantFrom('Accept', 'X-A', 'X-Longer-Than-Others', 'Cookie', 'Origin', 'Range'), {
    maxLength: 5,
  }),
  size: fc.oneof(fc.constant(0), fc.nat(50), fc.nat(5000)),
  chunked: fc.boolean(),
});
type Ask = typeof ask extends fc.Arbitrary<infer T> ? T : never;

/** Some connections, what each asks, and how it is cut. */
const plan = fc.array(
  fc.record({ asks: fc.array(ask, { minLength: 1, maxLength: 4 }), cuts: fc.array(fc.nat(1000), { maxLength: 8 }) }),
  { minLength: 2, maxLength: 8 },
);

/** A request that names its sender in every field and in its body. */
function textOf(id: string, { fields, size, chunked }: Ask): string {
  const lines = fields.map((name) => `${name}: ${id}`);
  const body = id.repeat(size / id.length + 1);
  const start = `POST /${id} HTTP/1.1`;
  if (!chunked) return head(start, 'Host: a.example', ...lines, `Content-Length: ${body.length}`) + body;
  const content = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  return head(start, ...lines, 'Transfer-Encoding: chunked', `Host: ${id}`) + content;
}

function piecesOf(text: string, cuts: readonly number[]): string[] {
  const ends = [...cuts, 1000].toSorted((a, b) => a - b).map((cut) => Math.floor((text.length * cut) / 1000));
  return ends.map((end, i) => text.slice(ends[i - 1] ?? 0, end)).filter((piece) => piece !== '');
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Answers with all that came, in pieces, so that answers too are on their way side by side. */
async function answer(call: Call): Promise<void> {
  await call.whole();
  const came = call.head.fields.filter(([, value]) => value === call.target.slice(1)).map(([name]) => name);
  const text = response(200, `${call.target} ${came.toSorted().join()} ${call.body.text}`, `X-Id: ${call.target}`);
  for (const piece of piecesOf(text, [200, 500, 800])) {
    call.send(piece);
    await turn();
  }
}

async function playOne(stage: Stage, asks: readonly Ask[], cuts: readonly number[], name: string): Promise<void> {
  const client = stage.connect();
  const ids = asks.map((_, i) => `${name}.${i}.`);
  for (const piece of piecesOf(asks.map((one, i) => textOf(ids[i]!, one)).join(''), cuts)) {
    client.send(piece);
    await turn();
  }
  for (const [i, { fields, size, chunked }] of asks.entries()) {
    const id = ids[i]!;
    const names = [...fields, ...(chunked ? ['Host', 'X-Forwarded-Host'] : [])].toSorted().join();
    const { head: answered } = await client.response(200, `/${id} ${names} ${id.repeat(size / id.length + 1)}`);
    assert.equal(answered.field('x-id'), `/${id}`);
  }
  client.close();
}

wire(`requests and answers of many connections, cut anywhere, do not mix (seed ${SEED})`, async (stage) => {
  stage.origin.onCall = (call) => void answer(call);
  let serial = 0;
  const play = fc.asyncProperty(plan, async (connections) => {
    await Promise.all(connections.map(({ asks, cuts }) => playOne(stage, asks, cuts, `c${serial++}`)));
  });
  await fc.assert(play, { seed: SEED, numRuns: RUNS, endOnFailure: true });
});
