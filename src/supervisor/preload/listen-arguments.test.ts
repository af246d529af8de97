import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readListenArguments } from './listen-arguments.js';

const heard = (): void => {};
const { signal } = new AbortController();

const CASES: [args: unknown[], asked: string, backlog?: number][] = [
  [[], 'port 0'],
  [[heard], 'port 0'],
  [[null, heard], 'port 0'],
  [[3000], 'port 3000'],
  [['3000', '127.0.0.1', 100, heard], 'port 3000 127.0.0.1', 100],
  [[3000, 100], 'port 3000', 100],
  [[3000, undefined, undefined, heard], 'port 3000'],
  [[{ port: 3000, host: '::1', backlog: 5, signal }, heard], 'port 3000 ::1', 5],
  [[{ port: undefined }], 'port 0'],
  [[{ host: '::1', port: null }], 'port 0 ::1'],
  [['/run/app.sock', 7, heard], 'path /run/app.sock', 7],
  [[{ path: '/run/app.sock' }], 'path /run/app.sock'],
  [[{ path: '/run/app.sock', port: 80 }], 'port 80'],
  [[{ fd: 3 }], 'descriptor'],
  [[{ _handle: {} }], 'handle'],
  [[{ listen: heard }], 'handle'],
  [[{}], 'invalid'],
  [[65_536], 'invalid'],
  [[-1], 'invalid'],
  [[''], 'invalid'],
  [[true], 'invalid'],
];

test('every form of listen() is read as Node reads it', () => {
  for (const [args, expected, backlog] of CASES) {
    const asked = readListenArguments(args);
    const [text, rest] =
      asked.kind === 'port'
        ? [`port ${asked.port}${asked.host === undefined ? '' : ` ${asked.host}`}`, asked.rest]
        : asked.kind === 'path'
          ? [`path ${asked.path}`, asked.rest]
          : [asked.kind, null];
    assert.equal(text, expected);
    if (rest === null) continue;
    assert.equal(rest.backlog, backlog, expected);
    assert.equal(rest.callback, args.includes(heard) ? heard : undefined, expected);
  }
  const asked = readListenArguments([{ port: 1, signal }]);
  assert.ok(asked.kind === 'port' && asked.rest.signal === signal);
});
