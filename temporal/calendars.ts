/** Calendars of the domain as Temporal's: to it, and back for comparing. */
import type { CalendarSpecDescription } from '@temporalio/client';
import type { Calendar } from '../domain/cron-calendars.ts';

const months = [
  'JANUARY',
  'FEBRUARY',
  'MARCH',
  'APRIL',
  'MAY',
  'JUNE',
  'JULY',
  'AUGUST',
  'SEPTEMBER',
  'OCTOBER',
  'NOVEMBER',
  'DECEMBER',
] as const;
const weekdays = ['SUNDAY', 'MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY'] as const;

interface Range<T> {
  start: T;
  end: T;
  step: number;
}

/** Temporal's years end with 2100, which is no leap year. */
const years = {
  leap: [{ start: 2000, end: 2096, step: 4 }],
  common: [...[2001, 2002, 2003].map((start) => ({ start, end: start + 96, step: 4 })), one(2100)],
};

/** A calendar as Temporal takes it, and describes it later. */
export function calendarSpec(calendar: Calendar): CalendarSpecDescription {
  return {
    second: rangesOf([calendar.second]),
    minute: rangesOf(calendar.minutes),
    hour: rangesOf(calendar.hours),
    dayOfMonth: rangesOf(calendar.days),
    month: rangesOf(calendar.months).map((range) => named(range, months, 1)),
    dayOfWeek: rangesOf(calendar.weekdays).map((range) => named(range, weekdays, 0)),
    // No range at all is every year.
    year: calendar.years === undefined ? [] : years[calendar.years],
  };
}

/** The same text for two sets of calendars that Temporal was given alike. */
export function digestOf(calendars: readonly CalendarSpecDescription[]): string {
  const texts = calendars.map((calendar) =>
    [
      calendar.second,
      calendar.minute,
      calendar.hour,
      calendar.dayOfMonth,
      calendar.month,
      calendar.dayOfWeek,
      calendar.year,
    ]
      .map((ranges) => ranges.map(({ start, end, step }) => `${start}-${end}/${step}`).join(','))
      .join(' '),
  );
  return texts.toSorted().join('\n');
}

/** Ascending values as ranges: each as long as its steps stay the same. */
function rangesOf(values: readonly number[]): Range<number>[] {
  const ranges: Range<number>[] = [];
  for (let index = 0; index < values.length;) {
    const start = values[index] ?? 0;
    const step = (values[index + 1] ?? start) - start;
    let last = index;
    while (step > 0 && values[last + 1] === (values[last] ?? 0) + step) last += 1;
    // Two values alone are two: they would read as a range otherwise.
    if (last === index + 1 && step > 1) last = index;
    const end = values[last] ?? start;
    ranges.push({ start, end, step: last > index ? step : 1 });
    index = last + 1;
  }
  return ranges;
}

function one<T>(value: T): Range<T> {
  return { start: value, end: value, step: 1 };
}

function named<T>(range: Range<number>, names: readonly T[], least: number): Range<T> {
  const name = (value: number): T => names[value - least] as T;
  return { ...range, start: name(range.start), end: name(range.end) };
}
