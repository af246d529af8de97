import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { segmentsOf } from '../cases.js';
import type { RequestCase } from './request-case.js';

/** Silence after which the client closes its side, and how long it then waits for the other. */
const SILENCE = 700;
const GOODBYE = 900;

/** What a client saw. */
export interface Seen {
  text: string;
  /** The balancer closed first. */
  closed: boolean;
  /** The balancer closed after the client had closed its side. */
  closedAfter: boolean;
  /** How much had come when each segment was sent. */
  readonly marks: number[];
}

/** Sends the case's octets and reads whatever comes. */
export function play(one: RequestCase, raw: string, where: { host: string; port: number }): Promise<Seen> {
  const { promise, resolve } = deferred<Seen>();
  const seen: Seen = { text: '', closed: false, closedAfter: false, marks: [] };
  const socket = net.connect({ ...where, allowHalfOpen: true, noDelay: true });
  let timer: NodeJS.Timeout | undefined;
  let sent = false;
  let ended = false;
  const finish = (): void => {
    clearTimeout(timer);
    socket.destroy();
    resolve(seen);
  };
  const waitForSilence = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      ended = true;
      socket.end();
      timer = setTimeout(finish, GOODBYE);
    }, SILENCE);
  };
  const close = (): void => {
    if (ended) seen.closedAfter = true;
    else seen.closed = true;
    clearTimeout(timer);
    timer = setTimeout(finish, 20);
  };
  const send = async (): Promise<void> => {
    for (const [i, segment] of segmentsOf(one, raw).entries()) {
      if (i > 0) await sleep(one.gap ?? 20);
      if (seen.closed) return;
      seen.marks.push(seen.text.length);
      socket.write(segment);
    }
    sent = true;
    waitForSilence();
  };
  socket.on('connect', () => void send());
  socket.on('data', (chunk) => {
    seen.text += chunk.toString('latin1');
    if (sent && !ended) waitForSilence();
  });
  socket.on('end', close).on('error', close).on('close', close);
  return promise;
}

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => (resolve = settle));
  return { promise, resolve };
}

export interface Answer {
  /** 0: no HTTP. */
  readonly status: number;
  /** Whose answer it is; undefined: the balancer's own. */
  readonly echo: string | undefined;
}

/** The answers in what a client read; `methods`: of the requests that they answer. */
export function answersIn(text: string, methods: readonly string[]): Answer[] {
  const answers: Answer[] = [];
  let finals = 0;
  for (let at = 0; at < text.length;) {
    const end = text.indexOf('\r\n\r\n', at);
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(text.slice(at, at + 12))?.[1] ?? 0);
    if (status === 0 || end < 0) return [...answers, { status: 0, echo: undefined }];
    const head = text.slice(at, end + 2);
    const field = (name: string): string | undefined =>
      new RegExp(`\\r\\n${name}:[ \\t]*([^\\r]*)`, 'i').exec(head)?.[1];
    answers.push({ status, echo: field('x-echo') });
    at = end + 4;
    if (status < 200) continue;
    if (methods[finals++] === 'HEAD' || status === 204 || status === 304) continue;
    if (/chunked/i.test(field('transfer-encoding') ?? '')) {
      const last = text.indexOf('\r\n0\r\n\r\n', at - 2);
      at = last < 0 ? text.length : last + 7;
    } else at += Number(field('content-length') ?? Infinity);
  }
  return answers;
}
