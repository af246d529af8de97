import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SEED } from '../fixtures.test.js';
import { Admission, type Waiter } from './admission.js';

class Guest implements Waiter {
  queuedIn: Admission | null = null;
  queueNext: Waiter | null = null;
  queuePrevious: Waiter | null = null;
  queueDeadline = 0;
  readonly name: string;
  readonly log: string[];
  admitted = 0;

  constructor(name: string, log: string[]) {
    this.name = name;
    this.log = log;
  }

  onAdmitted(): void {
    this.admitted++;
    this.log.push(this.name);
  }

  onQueueTimeout(): void {
    this.log.push(`${this.name} late`);
  }
}

function start(options: { limit: number; size: number; timeout?: number; hasRoom?: () => boolean }) {
  const clock = { now: 0 };
  const log: string[] = [];
  const admission = new Admission({ timeout: 5000, ...options }, () => clock.now);
  const arrive = (name: string) => {
    const guest = new Guest(name, log);
    if (admission.tryEnter()) log.push(name);
    else if (!admission.enqueue(guest)) log.push(`${name} full`);
    return guest;
  };
  return { admission, clock, log, arrive };
}

test('the one after the limit waits, the first to come is the first to enter, and what does not fit the queue is refused', () => {
  const { admission, log, arrive } = start({ limit: 2, size: 3 });
  for (const name of 'abcdef') arrive(name);
  assert.deepEqual(log, ['a', 'b', 'f full']);
  assert.deepEqual([admission.active, admission.queued], [2, 3]);
  admission.leave();
  admission.leave();
  assert.deepEqual(log.slice(3), ['c', 'd']);
  assert.deepEqual([admission.active, admission.queued], [2, 1]);
});

test('nobody overtakes: with one waiting, a place that is free is not for those who come later', () => {
  let room = true;
  const { admission, log, arrive } = start({ limit: 9, size: 9, hasRoom: () => room });
  arrive('a');
  room = false;
  arrive('b');
  room = true;
  arrive('c');
  assert.deepEqual(log, ['a']);
  admission.wake();
  assert.deepEqual(log, ['a', 'b', 'c']);
});

test('one that leaves is out of the queue at once, wherever it stood', () => {
  const { admission, log, arrive } = start({ limit: 1, size: 10 });
  const [, b, c, d, e] = Array.from('abcde', arrive) as [Guest, Guest, Guest, Guest, Guest];
  admission.cancel(c);
  admission.cancel(c);
  admission.cancel(b);
  admission.cancel(e);
  assert.equal(admission.queued, 1);
  assert.equal(d.queuedIn, admission);
  for (let i = 0; i < 2; i++) admission.leave();
  assert.deepEqual(log, ['a', 'd']);
  assert.deepEqual([admission.active, admission.queued, d.queuedIn], [0, 0, null]);
});

test('those who waited too long are sent away, in order, and no one else', () => {
  const { admission, clock, log, arrive } = start({ limit: 1, size: 10 });
  arrive('a');
  arrive('b');
  clock.now = 3000;
  arrive('c');
  admission.sweep(4999);
  admission.sweep(5000);
  assert.deepEqual(log, ['a', 'b late']);
  admission.sweep(60_000);
  assert.deepEqual(log.slice(2), ['c late']);
  assert.equal(admission.queued, 0);
});

test('one who may wait less long, by a bound of its own or because the time-out was lowered, is sent away before those in front of it', () => {
  const { admission, clock, log, arrive } = start({ limit: 1, size: 10 });
  arrive('a');
  arrive('b');
  admission.enqueue(new Guest('c', log), 100);
  admission.configure({ limit: 1, size: 10, timeout: 1000 });
  arrive('d');
  for (clock.now of [99, 100, 999, 1000, 4999, 5000]) {
    log.push(`${clock.now}`);
    admission.sweep(clock.now);
  }
  assert.deepEqual(log, ['a', '99', '100', 'c late', '999', '1000', 'd late', '4999', '5000', 'b late']);
});

test('a queue of a hundred thousand whose guests all leave as they enter needs no deep recursion', () => {
  const { admission } = start({ limit: 1, size: 100_000 });
  let served = 0;
  admission.tryEnter();
  for (let i = 0; i < 100_000; i++) {
    const guest = new Guest('', []);
    guest.onAdmitted = () => {
      served++;
      admission.leave();
    };
    admission.enqueue(guest);
  }
  admission.leave();
  assert.equal(served, 100_000);
  assert.equal(admission.active, 0);
});

test('a higher limit lets the waiting in at once, a lower one sends nobody away', () => {
  const { admission, log, arrive } = start({ limit: 1, size: 10 });
  for (const name of 'abcd') arrive(name);
  admission.configure({ limit: 3, size: 10, timeout: 5000 });
  assert.deepEqual(log, ['a', 'b', 'c']);
  admission.configure({ limit: 1, size: 0, timeout: 5000 });
  assert.deepEqual([admission.active, admission.queued, admission.limit], [3, 1, 1]);
  admission.leave();
  admission.leave();
  assert.equal(admission.active, 1);
  admission.leave();
  assert.equal(log.at(-1), 'd');
});

test('at any time: no more than the limit, no more waiting than fit, order kept, nobody lost or served twice', () => {
  const events = fc.array(fc.tuple(fc.constantFrom('arrive', 'arrive', 'leave', 'cancel', 'sweep'), fc.nat(1000)), {
    maxLength: 200,
  });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.nat(6), events, (limit, size, list) => {
      const { admission, clock, log, arrive } = start({ limit, size });
      let expected: Guest[] = [];
      let inside = 0;
      let number = 0;
      for (const [what, value] of list) {
        const before = log.length;
        if (what === 'arrive') {
          const guest = arrive(String(number++));
          if (guest.queuedIn !== null) expected.push(guest);
          else if (log.at(-1) === guest.name) inside++;
          else assert.equal(expected.length, size);
        } else if (what === 'leave' && inside > 0) {
          inside--;
          admission.leave();
          const first = expected.shift();
          assert.deepEqual(log.slice(before), first === undefined ? [] : [first.name]);
          if (first !== undefined) inside++;
        } else if (what === 'cancel' && expected.length > 0) {
          const [guest] = expected.splice(value % expected.length, 1);
          admission.cancel(guest!);
        } else if (what === 'sweep') {
          clock.now += value * 5;
          admission.sweep(clock.now);
          const late = expected.filter(({ queueDeadline }) => queueDeadline <= clock.now);
          assert.deepEqual(
            log.slice(before),
            late.map(({ name }) => `${name} late`),
          );
          expected = expected.filter((guest) => !late.includes(guest));
        }
        assert.ok(inside <= limit && expected.length <= size);
        assert.deepEqual([admission.active, admission.queued], [inside, expected.length]);
        assert.ok(expected.length === 0 || inside === limit);
      }
    }),
    { seed: SEED },
  );
});
