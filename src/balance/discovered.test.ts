import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Discovery } from '../contracts/discovery.js';
import { Endpoints } from './endpoints.js';
import { poolOf } from './fixtures.test.js';

function fail(): never {
  throw new Error('oops');
}

function start() {
  const { pool } = poolOf([]);
  const problems: string[] = [];
  const endpoints = new Endpoints(
    pool,
    () => {},
    (message) => problems.push(message),
  );
  return { endpoints, problems };
}

const found = [{ url: 'http://127.0.0.1:1' }];
type Start = Discovery['start'];

for (const [fault, begin, told] of [
  ['throws', fail, /own could not be found \(oops\); there are none yet/],
  ['rejects', async () => fail(), /own could not be found \(oops\); there are none yet/],
  ['rejects with what is no error', () => Promise.reject(), /own could not be found \(undefined\)/],
  ['tells of a text', (_, onProblem) => onProblem('oops' as never), /own could not be found \(oops\)/],
  [
    'finds and then throws',
    (onChange) => {
      onChange(found);
      fail();
    },
    /own could not be found \(oops\); the last 1 are kept/,
  ],
  ['finds what is no list', (onChange) => onChange(undefined as never), /own could not be found/],
] satisfies [string, Start, RegExp][]) {
  test(`a discovery of the user's that ${fault} at its start has failed to find, and ends nothing`, async () => {
    const { endpoints, problems } = start();
    await endpoints.discover({ name: 'own', start: begin, stop: () => {} });
    // Were a rejection unhandled, the runner would tell.
    await new Promise(setImmediate);
    assert.equal(problems.length, 1);
    assert.match(problems[0]!, told);
  });
}

const stops: [string, () => void][] = [
  ['throws', fail],
  ['rejects', async () => fail()],
];
for (const [how, stop] of stops) {
  test(`a discovery whose stop ${how} is stopped all the same, and that is told`, async () => {
    const { endpoints, problems } = start();
    const discovery: Discovery = { name: 'own', start: (onChange) => onChange(found), stop };
    await endpoints.discover(discovery);
    endpoints.stopDiscovery(discovery);
    await new Promise(setImmediate);
    assert.deepEqual(problems, ['own could not be stopped: oops.']);
    assert.deepEqual(endpoints.list(), []);
  });
}

test('that nothing could be found is told once for each reason, and again after it was found', async () => {
  const { endpoints, problems } = start();
  const own: Discovery = {
    name: 'own',
    start: (onChange, onProblem) => {
      for (const reason of ['a', 'a', 'b', '', '', 'b']) {
        if (reason === '') onChange(found);
        else onProblem(new Error(reason));
      }
      onChange([]);
    },
    stop: () => {},
  };
  await endpoints.discover(own);
  assert.deepEqual(
    problems.map((problem) => /\((.*)\)/.exec(problem)![1]),
    ['a', 'b', 'b', 'it names no endpoint'],
  );
});

test('weight and maintenance set by hand outlast new looks, until another weight is found; removal by hand ends both', async () => {
  const { endpoints } = start();
  const [url, other] = ['http://127.0.0.1:1', 'http://127.0.0.1:2'];
  let tell: Parameters<Start>[0];
  const discovery: Discovery = { name: 'own', start: (onChange) => (tell = onChange), stop: () => {} };
  void endpoints.discover(discovery);
  const see = (...set: { url: string; weight?: number }[]) => {
    tell(set);
    const endpoint = endpoints.find(url);
    return endpoint && `${endpoint.state} ${endpoint.weight}`;
  };
  assert.equal(see({ url }, { url: other }), 'ready 1');
  endpoints.setWeight(url, 3);
  endpoints.maintenance(url);
  assert.equal(see({ url }, { url: other }), 'maintenance 3');
  assert.equal(see({ url: other }), undefined);
  assert.equal(see({ url }), 'maintenance 3');
  assert.equal(see({ url, weight: 2 }), 'maintenance 2');
  endpoints.resume(url);
  assert.equal(see({ url, weight: 2 }), 'ready 2');
  endpoints.maintenance(url);
  endpoints.setWeight(url, 5);
  endpoints.remove(url);
  assert.equal(see({ url, weight: 2 }), 'ready 2');
  endpoints.maintenance(url);
  endpoints.stopDiscovery(discovery);
  assert.equal(endpoints.add(url).state, 'ready');
});
