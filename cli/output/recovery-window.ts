/** The recovery window of a service for people: a line of time, and what it is made of. */
import type { RecoveryWindow } from '../../client/answers.ts';
import { type Column, table } from './table.ts';
import { duration } from './values.ts';

interface Row {
  from: string;
  /** Empty: it goes on. */
  to: string;
  what: string;
}

const columns: readonly Column<Row>[] = [
  { title: 'start_time', value: ({ from }) => exact(from) },
  { title: 'end_time', value: ({ from, to }) => (to === from ? '' : exact(to)) },
  { title: 'what', value: ({ what }) => what },
];

/** What the line is drawn with. */
export const windowLegend =
  '= any instant   ~ as exact as event times   | the instant of a backup   . a hole';

/** @param width of the terminal; undefined: of a line that most have room for */
export function windowForPeople(window: RecoveryWindow, width: number | undefined): string {
  const rows = [
    ...window.intervals.map((interval) => ({
      from: interval.start_time,
      to: interval.end_time,
      what: told(interval),
    })),
    ...window.holes.map(({ start_time: from, end_time: to = '', cause, message }) => ({
      from,
      to,
      what: `hole, ${cause}: ${message}`,
    })),
  ];
  if (rows.length === 0) return '';
  const sorted = rows.toSorted((a, b) => Date.parse(a.from) - Date.parse(b.from));
  return `${timeLine(window, Math.min(width ?? 80, 120))}\n\n${table(columns, sorted, width)}`;
}

type Interval = RecoveryWindow['intervals'][number];

function told(interval: Interval): string {
  const { start_time: from, end_time: to, chain, current, timeline, resolution } = interval;
  const built = chain.length === 1 ? 'one backup' : `a chain of ${chain.length}`;
  return [
    from === to ? 'one instant' : 'any instant',
    ...(resolution === 'event_time' ? ['as exact as event times'] : []),
    `about ${duration(interval.estimated_seconds)} from ${built}`,
    ...(current ? [] : [`on timeline ${timeline}`]),
  ].join(', ');
}

function exact(time: string): string {
  return time.replace('T', ' ');
}

/** What can be had where no timeline is named, from its first instant to its last. */
function timeLine({ intervals }: RecoveryWindow, width: number): string {
  const current = intervals.filter((interval) => interval.current);
  const shown = (current.length > 0 ? current : intervals).map((interval) => ({
    from: Date.parse(interval.start_time),
    to: Date.parse(interval.end_time),
    byEvents: interval.resolution === 'event_time' ? [interval] : interval.event_time,
  }));
  const first = Math.min(...shown.map(({ from }) => from));
  const last = Math.max(...shown.map(({ to }) => to));
  const cells = Math.max(10, width);
  const step = (last - first) / cells;
  const line = Array.from({ length: step === 0 ? 1 : cells }, (_, index) => {
    const cell = { from: first + index * step, to: first + (index + 1) * step };
    const there = shown.filter(({ from, to }) => from <= cell.to && to >= cell.from);
    // What is shorter than a cell must not vanish in one.
    if (there.some(({ from, to }) => from === to)) return '|';
    const whole = there.find(({ from, to }) => from <= cell.from && to >= cell.to);
    if (!whole) return '.';
    const byEvents = whole.byEvents.some(
      ({ start_time: from, end_time: to }) => Date.parse(from) < cell.to && Date.parse(to) > cell.from,
    );
    return byEvents ? '~' : '=';
  }).join('');
  const [begin, end] = [first, last].map((at) => exact(new Date(at).toISOString())) as [string, string];
  return `${line}\n${begin}${line.length < begin.length + end.length + 1 ? ' … ' : ' '.repeat(line.length - begin.length - end.length)}${end}`;
}
