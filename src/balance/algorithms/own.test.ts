import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AlgorithmLike, EndpointView, Outcome, RequestView } from '../../contracts/algorithm.js';
import { FAILED, outcome, poolOf, request } from '../fixtures.test.js';
import { consistentHash } from './consistent-hash.js';
import { LeastConnections } from './least-connections.js';
import { RoundRobin } from './round-robin.js';
import { stickySession } from './sticky-session.js';

function bad(): never {
  throw new Error('no');
}

function first(candidates: readonly EndpointView[]) {
  return candidates[0];
}

function start(algorithm: unknown, count = 3) {
  const problems: [string, unknown][] = [];
  const onProblem = (message: string, error?: unknown) => problems.push([message, error]);
  const made = poolOf(Array<number>(count).fill(1), { algorithm: algorithm as AlgorithmLike, onProblem });
  return {
    ...made,
    problems,
    picks: (n: number) => Array.from({ length: n }, () => made.pool.pick(request(), null)?.id).join(''),
  };
}

test('a function, an object, a class and a subclass of ours all choose', () => {
  class Last {
    pick(candidates: readonly EndpointView[]) {
      return candidates.at(-1);
    }
  }
  class FirstForPost extends LeastConnections {
    override pick(candidates: readonly EndpointView[], about: RequestView) {
      return about.method === 'POST' ? candidates[0] : super.pick(candidates, about);
    }
  }
  assert.equal(start((candidates: readonly EndpointView[]) => candidates[1]).picks(3), 'bbb');
  assert.equal(start(new Last()).picks(3), 'ccc');
  assert.equal(start(Last).picks(3), 'ccc');
  const { pool, problems } = start(FirstForPost);
  assert.equal(pool.pick(request(), null)?.id, 'a');
  assert.equal(pool.pick(request(), null)?.id, 'b');
  assert.equal(pool.pick(request({ method: 'POST' }), null)?.id, 'a');
  assert.deepEqual(problems, []);
});

test('when it throws or returns no candidate, round-robin chooses and the fault is reported once', async () => {
  const error = new Error('oops');
  const faults: [unknown, RegExp][] = [
    [() => { throw error; }, /threw an error; round-robin/],
    [() => ({ id: 'a' }), /not one of the candidates/],
    [() => null, /not one of the candidates/],
    [async () => { throw error; }, /must be synchronous/],
    [(candidates: EndpointView[]) => candidates.sort()[0], /threw an error/],
  ]; // prettier-ignore
  for (const [algorithm, expected] of faults) {
    const { picks, problems } = start(algorithm);
    assert.equal(picks(6), 'abcabc');
    assert.equal(problems.length, 1);
    assert.match(problems[0]![0], expected);
  }
  // No rejection of the promise may be left unhandled: it would end the process.
  await new Promise(setImmediate);
});

test('undefined means none of them, and is no fault', () => {
  const { pool, problems } = start(() => undefined);
  assert.equal(pool.pick(request(), null), undefined);
  assert.deepEqual(problems, []);
});

test('it hears of endpoints before the next choice and of every attempt, and its faults there are reported too', () => {
  const heard: string[] = [];
  const own = {
    name: 'mine',
    pick: (candidates: readonly EndpointView[]) => candidates[0],
    onEndpoints: (list: readonly EndpointView[]) => heard.push(list.map(({ id }) => id).join('')),
    onResult: ({ id }: EndpointView, { failed }: Outcome) => heard.push(`${id} ${failed}`),
  };
  const { pool, endpoints } = start(own);
  for (const result of [outcome(), FAILED]) {
    pool.begin(pool.pick(request(), null)!);
    pool.finish(endpoints[0]!, result);
  }
  pool.remove(endpoints[1]!);
  pool.pick(request(), null);
  assert.deepEqual(heard, ['abc', 'a false', 'a true', 'ac']);

  const faulty = start({ ...own, onEndpoints: bad, onResult: bad, onReply: () => 5 });
  const chosen = faulty.pool.pick(request(), null)!;
  faulty.pool.begin(chosen);
  assert.equal(faulty.pool.replyCookie(chosen, request()), undefined);
  faulty.pool.finish(chosen, outcome());
  assert.deepEqual(
    faulty.problems.map(([message]) => message),
    [
      'The algorithm "mine": onEndpoints threw an error.',
      'The algorithm "mine": onReply returned something that is no value of a field; it was left out.',
      'The algorithm "mine": onResult threw an error.',
    ],
  );
});

test('where it is asynchronous, a rejection is reported and ends nothing', async () => {
  for (const method of ['onEndpoints', 'onResult', 'onReply']) {
    for (const [meant, count] of [
      [Promise.resolve.bind(Promise), method === 'onReply' ? 1 : 0],
      [bad, 1],
    ] as const) {
      const { pool, problems } = start({ pick: first, [method]: async () => meant() });
      const chosen = pool.pick(request(), null)!;
      pool.begin(chosen);
      pool.replyCookie(chosen, request());
      pool.finish(chosen, outcome());
      // Were it unhandled, the runner would tell.
      await new Promise(setImmediate);
      assert.equal(problems.length, count, method);
    }
  }
});

test('of onReply only what can stand in a field is taken', () => {
  for (const [value, taken] of [
    ['a=1; Path=/', true],
    ['a=\xe9', true],
    ['', false],
    ['a=1\r\nX: 1', false],
    ['a=1\n', false],
    // Its low octet is a line feed.
    ['a=\u010a', false],
    ['a=\0', false],
    [null, false],
  ] as const) {
    const { pool, problems } = start({ pick: first, onReply: () => value });
    assert.equal(pool.replyCookie(pool.pick(request(), null)!, request()), taken ? value : undefined);
    assert.equal(problems.length, taken ? 0 : 1, JSON.stringify(value));
  }
});

test("a user's function within one of our algorithms, as key or under stickiness, costs no request either", () => {
  for (const algorithm of [consistentHash({ key: bad }), stickySession({ by: bad }), stickySession({ over: bad })]) {
    const { picks, problems } = start(algorithm);
    assert.equal(picks(3), 'abc');
    assert.equal(problems.length, 1);
  }
});

test('an algorithm can be changed between two requests', () => {
  const { pool, endpoints, picks } = start(RoundRobin);
  assert.equal(picks(2), 'ab');
  pool.begin(endpoints[0]!);
  pool.prepareAlgorithm(LeastConnections)();
  assert.equal(picks(4), 'bcbc');
  pool.finish(endpoints[0]!, outcome());
});
