import type { Case } from '../cases.js';

/** One case of `h1-responses.json`: what an endpoint answers to one request. */
export interface ResponseCase extends Case {
  readonly method: string;
  /** The client's version; 1.1. */
  readonly client?: string;
  /** More field lines of the request. */
  readonly request?: string;
  /** `bad-gateway`: a 5xx, or closed without a complete response. */
  readonly expect: Outcome | readonly Outcome[];
  readonly status?: number;
  readonly body?: string;
  /** Fields that must not arrive. */
  readonly absent?: readonly string[];
  /** Fields that must have one of these values. */
  readonly value?: Readonly<Record<string, readonly string[]>>;
  readonly no101?: boolean;
  /** A complete answer with this body is as good as a bad gateway. */
  readonly allowFinal?: string;
  /** The endpoint ends or resets the connection after it. */
  readonly end?: boolean;
  readonly reset?: boolean;
  /** Octets that come later, on the idle connection. */
  readonly stray?: string;
  readonly strayEnd?: boolean;
}

export type Outcome = 'forward' | 'bad-gateway';
