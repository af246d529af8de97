// Tables of a run, for a terminal and for README.md alike.
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';

const README = new URL('../README.md', import.meta.url);
const BEGIN = '<!-- written by npm run bench -->';
const END = '<!-- end -->';

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function showCell({ shape, connections, proxy, ...figures }) {
  return `${shape}, ${connections} connections, ${proxy}: ${show(figures).join(' | ')}`;
}

function show({ cpu, ratio, rate, p50, p99, errors }) {
  const failed = errors > 0 ? ` (${errors} errors)` : '';
  const times = Number.isNaN(ratio) ? '' : ratio.toFixed(2);
  return [cpu.toFixed(1), times, Math.round(rate) + failed, p50.toFixed(2), p99.toFixed(2)];
}

export function report(results) {
  const blocks = [];
  for (const shape of new Set(results.map((result) => result.shape))) {
    const rows = [['connections', 'proxy', 'CPU µs a request', '× nginx', 'requests/s', 'p50 ms', 'p99 ms']];
    rows.push(['--:', '---', '--:', '--:', '--:', '--:', '--:']);
    for (const result of results.filter((one) => one.shape === shape)) {
      rows.push([`${result.connections}`, result.proxy, ...show(result).map(String)]);
    }
    blocks.push(`### ${shape}\n\n${table(rows)}`);
  }
  return blocks.join('\n\n');
}

function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const pad = (cell, column) => (column === 1 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]));
  const rule = (cell, column) => (column === 1 ? cell.padEnd(widths[column], '-') : cell.padStart(widths[column], '-'));
  return rows.map((row, i) => `| ${row.map(i === 1 ? rule : pad).join(' | ')} |`).join('\n');
}

/** Puts the tables, the machine and the versions between the marks in README.md. */
export function writeReadme(text, proxies) {
  const processors = cpus();
  const machine = `${processors.length} × ${processors[0].model.trim()}, Linux ${release()}`;
  const versions = proxies.map(({ name, version }) => `${name} (${version})`).join(', ');
  const made = `${new Date().toISOString().slice(0, 10)} on ${machine}; ${versions}.`;
  const before = readFileSync(README, 'utf8');
  const [from, to] = [before.indexOf(BEGIN) + BEGIN.length, before.indexOf(END)];
  writeFileSync(README, `${before.slice(0, from)}\n\nMeasured ${made}\n\n${text}\n\n${before.slice(to)}`);
}
