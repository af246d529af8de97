import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** What every case says of itself; strings of a case are latin1, octet for octet. */
export interface Case {
  readonly id: string;
  readonly family: string;
  readonly raw: string;
  /** What the RFC says: MUST, SHOULD or MAY. */
  readonly level: string;
  readonly note: string;
  readonly source: string;
  /** The status that the RFC names for a refusal. */
  readonly prefer?: number;
  /** A streaming intermediary may have begun to pass it on; but visibly cut, never complete. */
  readonly partial?: boolean;
  /** Where `raw` is cut into segments, and how many ms lie between them. */
  readonly split?: readonly number[];
  readonly gap?: number;
}

export interface Verdict {
  /** Which of the outcomes that the case allows it was; null: none. */
  readonly as: string | null;
  /** The status of the first final answer, if there was one. */
  readonly status: number | undefined;
  readonly why: string;
}

/** The cases of `cases/NAME.json`. */
export function readCases<C extends Case>(name: string): C[] {
  const file = fileURLToPath(new URL(`../../../test/conformance/cases/${name}.json`, import.meta.url));
  return JSON.parse(readFileSync(file, 'utf8')) as C[];
}

export function segmentsOf({ split = [] }: Case, raw: string): Buffer[] {
  return [0, ...split].map((from, i) => Buffer.from(raw.slice(from, split[i] ?? raw.length), 'latin1'));
}

export function list<T>(value: T | readonly T[]): readonly T[] {
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}

/** Passed and all, for each family and in total. */
export function scoreOf(verdicts: ReadonlyMap<Case, Verdict>): string[] {
  const scores = new Map<string, { passed: number; all: number }>();
  for (const [{ family }, { as }] of verdicts) {
    for (const key of [family, 'total']) {
      const score = scores.get(key) ?? { passed: 0, all: 0 };
      scores.set(key, { passed: score.passed + (as === null ? 0 : 1), all: score.all + 1 });
    }
  }
  const lines = [...scores].map(([key, { passed, all }]) => `${key} ${passed}/${all}`);
  const refused = [...verdicts].filter(([one, { as }]) => one.prefer !== undefined && as !== null && as !== 'forward');
  const named = refused.filter(([one, { status }]) => status === one.prefer);
  return [...lines, `with the status the RFC names ${named.length}/${refused.length}`];
}

/** The cases that failed, for people. */
export function failuresOf(verdicts: ReadonlyMap<Case, Verdict>): string[] {
  return [...verdicts].flatMap(([{ id, level, note, source, prefer }, { as, status, why }]) => {
    if (as === null) return [`${id} (${level}, ${source}: ${note}): ${why}`];
    if (prefer !== undefined && as !== 'forward' && status !== prefer) return [`${id}: refused with ${status}`];
    return [];
  });
}
