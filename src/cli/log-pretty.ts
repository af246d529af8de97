import type { BootSummary, Level, Log, Writer } from './log.js';
import { styleOf, type Style } from './style.js';

const CLEAR_LINE = '\r\x1b[2K';

/** Lines for people; the last line of a terminal shows what is going on and gives way to whatever comes. */
export class PrettyLog implements Log {
  readonly #stream: NodeJS.WritableStream;
  readonly #quiet: boolean;
  readonly #style: Style;
  readonly #terminal: boolean;
  #progress = '';

  constructor(stream: NodeJS.WritableStream, quiet: boolean) {
    this.#stream = stream;
    this.#quiet = quiet;
    this.#style = styleOf(stream);
    this.#terminal = (stream as { isTTY?: boolean }).isTTY === true && process.env.TERM !== 'dumb';
  }

  event(level: Level, _event: string, message: string): void {
    if (this.#quiet && level === 'info') return;
    const { dim, green, yellow, red } = this.#style;
    const sign = { info: green('●'), warn: yellow('▲'), error: red('✖') }[level];
    this.#line(`${dim(clock())} ${sign} ${message}`);
  }

  output({ slot, pid }: Writer, stream: 'stdout' | 'stderr', line: string): void {
    const bar = stream === 'stderr' ? this.#style.red('│') : this.#style.dim('│');
    this.#line(`${this.#style.nth(slot)(`worker ${slot} ${pid}`)} ${bar} ${line}`);
  }

  progress(text: string | null): void {
    if (!this.#terminal || this.#quiet) return;
    if (this.#progress !== '') this.#stream.write(CLEAR_LINE);
    this.#progress = text === null ? '' : this.#style.dim(`  ${text}`);
    this.#stream.write(this.#progress);
  }

  boot(summary: BootSummary): void {
    this.progress(null);
    if (this.#quiet) return;
    const { bold, dim, cyan, green } = this.#style;
    const count = `${summary.endpoints} × ${summary.target}`;
    const rows = [
      ...summary.addresses.map((address, i) => [i === 0 ? green('➜') : ' ', '', bold(cyan(address))]),
      ['', 'balances', count],
      ['', 'algorithm', summary.algorithm],
      ['', 'name', `${summary.name}  ${dim('Ctrl-C stops it; multiserver status shows it')}`],
    ];
    const lines = rows.map(
      ([sign, label, value]) => `  ${sign || ' '} ${label === '' ? '' : dim(label!.padEnd(10))}${value}`,
    );
    this.#line(['', `  ${bold('multiserver')} ${dim(summary.version)}`, '', ...lines, ''].join('\n'));
  }

  #line(text: string): void {
    this.#stream.write(this.#progress === '' ? `${text}\n` : `${CLEAR_LINE}${text}\n${this.#progress}`);
  }
}

const clock = (): string => new Date().toTimeString().slice(0, 8);
