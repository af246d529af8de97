import { readFileSync } from 'node:fs';

/** How many files and sockets this process may have open (Node raises the soft limit to the hard one when it starts). */
export function openFileLimit(): number {
  let text = '';
  try {
    text = readFileSync('/proc/self/limits', 'latin1');
  } catch {
    // Not Linux: the diagnostic report knows it too, but takes some milliseconds.
    const report = process.report.getReport() as { userLimits?: { open_files?: { soft?: number | string } } };
    text = `Max open files ${report.userLimits?.open_files?.soft ?? ''} `;
  }
  const limit = /^Max open files\s+(\d+)\s/m.exec(text)?.[1];
  return limit === undefined ? Infinity : Number(limit);
}
