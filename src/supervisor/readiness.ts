import { request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import type { WorkerAddress } from './types.js';

const FIRST_PAUSE = 20;
const LONGEST_PAUSE = 250;
/** For one try; the time-out of the start is the caller's. */
const TRY_TIMEOUT = 5000;

function target(address: WorkerAddress): { path: string } | { host: string; port: number } {
  return 'path' in address ? { path: address.path } : { host: address.host, port: address.port };
}

function accepts(address: WorkerAddress): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(target(address));
    const done = (result: boolean): void => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(TRY_TIMEOUT, () => done(false));
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
  });
}

function answers(address: WorkerAddress, path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const where = 'path' in address ? { socketPath: address.path } : target(address);
    const outgoing = request({ ...where, path, agent: false, timeout: TRY_TIMEOUT, headers: { host: 'localhost' } });
    const done = (result: boolean): void => {
      outgoing.destroy();
      resolve(result);
    };
    outgoing.once('response', (response) => {
      response.once('error', () => {});
      done((response.statusCode ?? 500) < 400);
    });
    outgoing.once('timeout', () => done(false));
    outgoing.on('error', () => done(false));
    outgoing.end();
  });
}

async function until(test: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
  for (let pause = FIRST_PAUSE; !(await test()); pause = Math.min(pause * 2, LONGEST_PAUSE)) {
    await wait(pause, undefined, { signal });
  }
  signal.throwIfAborted();
}

/** Resolves once a connection is accepted; rejects when `signal` says to give up. */
export function untilAccepts(address: WorkerAddress, signal: AbortSignal): Promise<void> {
  return until(() => accepts(address), signal);
}

/** Resolves once a GET of `path` is answered with a status below 400; rejects when `signal` says to give up. */
export function untilAnswers(address: WorkerAddress, path: string, signal: AbortSignal): Promise<void> {
  return until(() => answers(address, path), signal);
}
