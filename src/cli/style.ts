import type { WriteStream } from 'node:tty';

export type Paint = (text: string) => string;

export interface Style {
  readonly bold: Paint;
  readonly dim: Paint;
  readonly red: Paint;
  readonly green: Paint;
  readonly yellow: Paint;
  readonly cyan: Paint;
  /** One of six colours, the same for the same number. */
  nth(n: number): Paint;
}

const sgr =
  (open: number, close: number): Paint =>
  (text) =>
    `\x1b[${open}m${text}\x1b[${close}m`;
const plain: Paint = (text) => text;
const NTH = [36, 35, 34, 32, 33, 96].map((code) => sgr(code, 39));

/** Colours where the stream is a terminal that has them; `hasColors` heeds NO_COLOR, FORCE_COLOR and TERM. */
export function styleOf(stream: NodeJS.WritableStream): Style {
  const terminal = stream as WriteStream;
  if (!terminal.isTTY || !terminal.hasColors()) {
    return { bold: plain, dim: plain, red: plain, green: plain, yellow: plain, cyan: plain, nth: () => plain };
  }
  return {
    bold: sgr(1, 22),
    dim: sgr(2, 22),
    red: sgr(31, 39),
    green: sgr(32, 39),
    yellow: sgr(33, 39),
    cyan: sgr(36, 39),
    nth: (n) => NTH[n % NTH.length]!,
  };
}
