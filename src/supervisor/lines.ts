import { StringDecoder } from 'node:string_decoder';

/** Longer lines are handed on in pieces of so many characters. */
export const MAX_LINE = 16 * 1024;
const TAIL_LINES = 20;
const TAIL_CHARACTERS = 8 * 1024;

/** Cuts a worker's output into lines; a character is never split, and no line is held longer than {@link MAX_LINE}. */
export class LineSplitter {
  readonly #onLine: (line: string) => void;
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(chunk: Buffer): void {
    this.#take(this.#decoder.write(chunk));
  }

  /** The output is over; a last line without an end is told too. */
  end(): void {
    this.#take(this.#decoder.end());
    if (this.#rest !== '') this.#onLine(this.#rest);
    this.#rest = '';
  }

  #take(text: string): void {
    let from = 0;
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', from)) {
      const line = this.#rest + text.slice(from, at);
      this.#rest = '';
      from = at + 1;
      this.#emit(line.endsWith('\r') ? line.slice(0, -1) : line);
    }
    this.#rest += text.slice(from);
    while (this.#rest.length > MAX_LINE) {
      this.#onLine(this.#rest.slice(0, MAX_LINE));
      this.#rest = this.#rest.slice(MAX_LINE);
    }
  }

  #emit(line: string): void {
    for (let from = 0; from === 0 || from < line.length; from += MAX_LINE)
      this.#onLine(line.slice(from, from + MAX_LINE));
  }
}

/** The last lines of a stream, for the report of a crash. */
export class Tail {
  readonly #lines: string[] = [];
  #characters = 0;

  add(line: string): void {
    this.#lines.push(line);
    this.#characters += line.length + 1;
    while (this.#lines.length > TAIL_LINES || (this.#characters > TAIL_CHARACTERS && this.#lines.length > 1)) {
      this.#characters -= this.#lines.shift()!.length + 1;
    }
  }

  text(): string {
    return this.#lines.join('\n').slice(-TAIL_CHARACTERS);
  }
}
