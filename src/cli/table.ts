/** Rows under a head, columns as wide as they must be; numbers to the right. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => `${row[i]}`.length)));
  const line = (row: readonly (string | number)[]) =>
    row
      .map((cell, i) =>
        typeof (rows[0]?.[i] ?? cell) === 'number' ? `${cell}`.padStart(widths[i]!) : `${cell}`.padEnd(widths[i]!),
      )
      .join('  ')
      .trimEnd();
  return [line(head), ...rows.map(line)];
}

/** `3d 4h`, `2h 5m`, `7m 12s`, `9s`: the two largest units. */
export function age(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  const shown = first < 0 ? parts.slice(3) : parts.slice(first, first + 2);
  return shown.map(([count, unit]) => `${count}${unit}`).join(' ');
}
