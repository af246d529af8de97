import type { Case } from '../cases.js';

/** One case of `h1-requests.json`: what a client sends. `__ID__` in it becomes a token by which the backend knows whose request it is. */
export interface RequestCase extends Case {
  /** `reject`: the backend sees nothing; `forward`: it sees `n` requests, as the rest of the case says. */
  readonly expect: Outcome | readonly Outcome[];
  readonly n?: number | readonly number[];
  readonly methods?: readonly string[];
  readonly targets?: readonly string[];
  readonly bodies?: readonly string[];
  /** Fields that must have one of these values if they arrive at all. */
  readonly value?: Readonly<Record<string, readonly string[]>>;
  /** Fields that must not arrive. */
  readonly absent?: readonly string[];
  /** Fields that may only arrive when Connection names them. */
  readonly hop?: readonly string[];
  readonly hostNot?: string;
  /** What of the request's form may be wrong. */
  readonly tolerate?: readonly string[];
  /** It may wait for more instead of refusing. */
  readonly wait?: boolean;
  /** It may answer itself. */
  readonly local?: boolean;
  /** It may answer in another protocol than HTTP/1. */
  readonly binary?: boolean;
  readonly then?: 'reject';
  readonly close?: boolean;
  readonly want100?: boolean;
  readonly no100?: boolean;
}

export type Outcome = 'forward' | 'reject';
