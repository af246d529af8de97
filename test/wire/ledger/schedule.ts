import fc from 'fast-check';

/** What one client asks, one after the other on one connection as long as that lives. */
export interface Ask {
  readonly method: string;
  readonly body: 'none' | 'length' | 'chunked' | 'large';
  readonly idempotencyKey: boolean;
  /** ms before it asks. */
  readonly after: number;
  /** ms after which it leaves without waiting for the answer. */
  readonly leavesAfter: number | null;
}

/** What an endpoint does with the next request that reaches it. */
export const FAULTS = [
  'none',
  'slow answer',
  'answers early',
  'closes after answer',
  'resets before head',
  'closes before head',
  'resets before head, request whole',
  'resets in head',
  'cuts body',
  'resets in body',
  'garbage',
  'never answers',
  '503',
] as const;
export type Fault = (typeof FAULTS)[number];

/** One random course of events. */
export interface Schedule {
  readonly algorithm: string;
  readonly limit: number;
  readonly retriesStatus: boolean;
  readonly retriesKeys: boolean;
  /** One endpoint more, which refuses every connection. */
  readonly refusing: boolean;
  readonly clients: readonly (readonly Ask[])[];
  readonly faults: readonly Fault[];
  /** When an endpoint drops all its connections. */
  readonly drops: readonly { readonly origin: number; readonly at: number }[];
}

export const ORIGINS = 3;

const ask: fc.Arbitrary<Ask> = fc.record({
  method: fc.constantFrom('GET', 'GET', 'HEAD', 'POST', 'POST', 'POST', 'PUT', 'DELETE', 'PATCH', 'upgrade'),
  body: fc.constantFrom('none', 'length', 'chunked', 'large'),
  idempotencyKey: fc.boolean(),
  after: fc.nat(4),
  leavesAfter: fc.oneof({ weight: 9, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fc.nat(8) }),
});

export const schedules: fc.Arbitrary<Schedule> = fc.record({
  algorithm: fc.constantFrom('round-robin', 'least-latency', 'least-connections', 'power-of-two', 'sticky-session'),
  limit: fc.constantFrom(Infinity, Infinity, 1, 2),
  retriesStatus: fc.boolean(),
  retriesKeys: fc.boolean(),
  refusing: fc.boolean(),
  clients: fc.array(fc.array(ask, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 }),
  faults: fc.array(
    // Half of the time all is well, and rarely is something so bad that only a time-out ends it.
    fc.oneof(
      { weight: 10, arbitrary: fc.constant<Fault>('none') },
      { weight: 10, arbitrary: fc.constantFrom(...FAULTS.filter((fault) => fault !== 'never answers')) },
      { weight: 1, arbitrary: fc.constant<Fault>('never answers') },
    ),
    { minLength: 1, maxLength: 24 },
  ),
  drops: fc.array(fc.record({ origin: fc.nat(ORIGINS - 1), at: fc.nat(15) }), { maxLength: 2 }),
});
