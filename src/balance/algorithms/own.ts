import type { Algorithm, EndpointView, Outcome, ReportProblem, RequestView } from '../../contracts/algorithm.js';
import { RoundRobin } from './round-robin.js';

/**
 * Wraps a user's own algorithm so that its faults never cost a request: when it throws, or returns what is no candidate, round-robin
 * chooses for this request and the fault is reported. `undefined` is a valid answer: none of them.
 */
export class OwnAlgorithm implements Algorithm {
  readonly name: string;
  readonly #own: Algorithm;
  readonly #fallback = new RoundRobin();
  readonly #report: ReportProblem;
  /** Messages already reported: the same fault at every request must not flood the log. */
  readonly #reported = new Set<string>();

  constructor(own: Algorithm, report: ReportProblem) {
    this.name = own.name ?? 'own';
    this.#own = own;
    this.#report = report;
  }

  pick(candidates: readonly EndpointView[], request: RequestView): EndpointView | undefined {
    let chosen: unknown;
    try {
      chosen = this.#own.pick(candidates, request);
    } catch (error) {
      this.#problem('pick threw an error; round-robin chose instead', error);
      return this.#fallback.pick(candidates, request);
    }
    if (chosen === undefined || candidates.includes(chosen as EndpointView)) return chosen as EndpointView | undefined;
    if (chosen instanceof Promise) {
      chosen.catch(ignore);
      this.#problem('pick returned a promise, but it must be synchronous; round-robin chose instead');
    } else {
      this.#problem('pick returned something that is not one of the candidates; round-robin chose instead');
    }
    return this.#fallback.pick(candidates, request);
  }

  onEndpoints(endpoints: readonly EndpointView[]): void {
    this.#fallback.onEndpoints(endpoints);
    try {
      this.#await(this.#own.onEndpoints?.(endpoints), 'onEndpoints');
    } catch (error) {
      this.#problem('onEndpoints threw an error', error);
    }
  }

  onResult(endpoint: EndpointView, outcome: Outcome): void {
    try {
      this.#await(this.#own.onResult?.(endpoint, outcome), 'onResult');
    } catch (error) {
      this.#problem('onResult threw an error', error);
    }
  }

  onReply(endpoint: EndpointView, request: RequestView): string | undefined {
    try {
      const cookie: unknown = this.#own.onReply?.(endpoint, request);
      if (cookie === undefined || isFieldValue(cookie)) return cookie;
      if (cookie instanceof Promise) cookie.catch(ignore);
      this.#problem('onReply returned something that is no value of a field; it was left out');
    } catch (error) {
      this.#problem('onReply threw an error', error);
    }
    return undefined;
  }

  /** Nothing waits for a promise, but one that is rejected and that nobody heeds would end the process. */
  #await(result: unknown, method: string): void {
    if (result instanceof Promise) result.catch((error) => this.#problem(`${method} threw an error`, error));
  }

  #problem(message: string, error?: unknown): void {
    if (this.#reported.has(message)) return;
    this.#reported.add(message);
    this.#report(`The algorithm "${this.name}": ${message}.`, error);
  }
}

/** The same for an algorithm of the package that calls a function of the user's. */
export function guarded(callsOwn: unknown, algorithm: Algorithm, report: ReportProblem): Algorithm {
  return typeof callsOwn === 'function' ? new OwnAlgorithm(algorithm, report) : algorithm;
}

/** Written as Latin-1: a line break in it, or what would become one, would begin a field of its own (RFC 9110 §5.5). */
function isFieldValue(value: unknown): value is string {
  return typeof value === 'string' && /^[\t\x20-\x7e\x80-\xff]+$/.test(value);
}

function ignore(): void {}
