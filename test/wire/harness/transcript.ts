/** What was said, by whom, in order: shown when a test fails. */
export class Transcript {
  readonly #lines: string[] = [];
  readonly #start = performance.now();
  #dropped = 0;

  note(who: string, what: string): void {
    if (this.#lines.length >= KEPT) {
      this.#lines.shift();
      this.#dropped++;
    }
    this.#lines.push(`${(performance.now() - this.#start).toFixed(0).padStart(6)} ms  ${who.padEnd(12)} ${what}`);
  }

  toString(): string {
    const before = this.#dropped > 0 ? [`        … ${this.#dropped} earlier lines`] : [];
    return [...before, ...this.#lines].join('\n');
  }
}

const KEPT = 200;
const SHOWN = 300;

/** Bytes for people: escapes visible, the middle of long ones left out. */
export function show(bytes: Buffer | string): string {
  const text = typeof bytes === 'string' ? bytes : bytes.toString('latin1');
  if (text.length <= SHOWN) return JSON.stringify(text);
  return `${JSON.stringify(text.slice(0, SHOWN - 60))} … ${JSON.stringify(text.slice(-60))} (${text.length} bytes)`;
}
