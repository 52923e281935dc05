/** Records for people: a line each, in columns that are as wide as what is in them. */
import { printable } from './printable.ts';

export interface Column<T> {
  /** A field of the API, in its own words. */
  title: string;
  value: (row: T) => string;
  /** Figures stand to the right. */
  right?: true;
}

const gap = '  ';

/** @param width of the terminal; lines are cut to it. Undefined: nothing is cut. */
export function table<T>(
  columns: readonly Column<T>[],
  rows: readonly T[],
  width: number | undefined,
): string {
  const cells = [
    columns.map(({ title }) => title.toUpperCase()),
    ...rows.map((row) => columns.map(({ value }) => printable(value(row)).replaceAll('\n', ' '))),
  ];
  const widths = columns.map((_, index) => Math.max(...cells.map((line) => line[index]?.length ?? 0)));
  return cells
    .map((line) =>
      line
        .map((cell, index) => {
          const room = widths[index] ?? 0;
          return columns[index]?.right ? cell.padStart(room) : cell.padEnd(room);
        })
        .join(gap)
        .trimEnd(),
    )
    .map((line) => (width !== undefined && line.length > width ? `${line.slice(0, width - 1)}…` : line))
    .join('\n');
}
