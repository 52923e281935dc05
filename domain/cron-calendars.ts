/**
 * A cron expression, each run moved later by an offset, as calendars: sets of seconds, minutes, hours, days, months
 * and days of the week that must all fit a time. The times are the union of the calendars.
 *
 * Moving minutes over an hour and hours over midnight splits a calendar; and the day after the last of a month is the
 * first of the next, which February makes a matter of the year.
 */
import type { Cron } from './cron.ts';

export interface Calendar {
  second: number;
  minutes: readonly number[];
  hours: readonly number[];
  days: readonly number[];
  months: readonly number[];
  /** 0 is Sunday. */
  weekdays: readonly number[];
  /** Only in leap years, or only in the others; absent: in all. */
  years?: 'leap' | 'common';
}

type Days = Pick<Calendar, 'days' | 'months' | 'weekdays' | 'years'>;
type Times = Pick<Calendar, 'minutes' | 'hours'>;

const everyDay = Array.from({ length: 31 }, (_, index) => index + 1);
const everyWeekday = [0, 1, 2, 3, 4, 5, 6];
const thirtyDays = [4, 6, 9, 11];

/** @param offsetSeconds less than a day */
export function calendarsOf(cron: Cron, offsetSeconds: number): Calendar[] {
  const second = offsetSeconds % 60;
  const { sameDay, nextDay } = movedTimes(cron, Math.floor(offsetSeconds / 60));
  const calendars: Calendar[] = [];
  for (const days of daysOf(cron)) {
    for (const times of sameDay) calendars.push({ second, ...times, ...days });
    for (const times of nextDay) {
      for (const moved of dayAfter(days)) calendars.push({ second, ...times, ...moved });
    }
  }
  return calendars.reduce<Calendar[]>((all, next) => joined(all, next), []);
}

/** Every day of a field, or two selections where a day counts that fits either field. */
function daysOf({ days, months, weekdays }: Cron): Days[] {
  const selections: Days[] = [];
  if (days !== undefined || weekdays === undefined) {
    selections.push({ days: days ?? everyDay, months, weekdays: everyWeekday });
  }
  if (weekdays !== undefined) selections.push({ days: everyDay, months, weekdays });
  return selections;
}

function movedTimes({ minutes, hours }: Cron, byMinutes: number): { sameDay: Times[]; nextDay: Times[] } {
  const rest = byMinutes % 60;
  const wholeHours = (byMinutes - rest) / 60;
  const moved = minutes.map((minute) => minute + rest);
  const groups = [
    { minutes: moved.filter((minute) => minute < 60), hours: hours.map((hour) => hour + wholeHours) },
    {
      minutes: moved.filter((minute) => minute >= 60).map((minute) => minute - 60),
      hours: hours.map((hour) => hour + wholeHours + 1),
    },
  ].filter((group) => group.minutes.length > 0);
  const part = (of: (hours: number[]) => number[]): Times[] =>
    groups
      .map((group) => ({ minutes: group.minutes, hours: of(group.hours) }))
      .filter((times) => times.hours.length > 0);
  return {
    sameDay: part((all) => all.filter((hour) => hour < 24)),
    nextDay: part((all) => all.filter((hour) => hour >= 24).map((hour) => hour - 24)),
  };
}

/** The days after those selected. */
function dayAfter({ days, months, weekdays }: Days): Days[] {
  const moved = weekdays.map((day) => (day + 1) % 7).toSorted((a, b) => a - b);
  if (days.length === 31 && months.length === 12) return [{ days, months, weekdays: moved }];
  const result: Days[] = [];
  const add = (selected: readonly number[], inMonths: readonly number[], years?: Calendar['years']): void => {
    if (selected.length === 0 || inMonths.length === 0) return;
    result.push({ days: selected, months: inMonths, weekdays: moved, ...(years && { years }) });
  };
  const within = (length: number): number[] => days.filter((day) => day < length).map((day) => day + 1);
  const ofLength = (length: number): number[] =>
    months.filter((month) => month !== 2 && (thirtyDays.includes(month) ? 30 : 31) === length);
  const first: number[] = [];
  for (const length of [30, 31]) {
    add(within(length), ofLength(length));
    if (days.includes(length)) first.push(...ofLength(length).map((month) => (month % 12) + 1));
  }
  if (months.includes(2)) {
    add(within(28), [2]);
    if (days.includes(28)) {
      add([29], [2], 'leap');
      add([1], [3], 'common');
    }
    if (days.includes(29)) add([1], [3], 'leap');
  }
  add(
    [1],
    first.toSorted((a, b) => a - b),
  );
  return result;
}

/** Two calendars that differ in their minutes alone, or in their hours alone, are one. */
function joined(all: Calendar[], next: Calendar): Calendar[] {
  for (const [index, calendar] of all.entries()) {
    for (const field of ['minutes', 'hours'] as const) {
      if (shape(calendar, field) !== shape(next, field)) continue;
      const values = [...new Set([...calendar[field], ...next[field]])].toSorted((a, b) => a - b);
      // Grown, it may fit another one now.
      return joined(all.toSpliced(index, 1), { ...calendar, [field]: values });
    }
  }
  return [...all, next];
}

function shape(calendar: Calendar, without: 'minutes' | 'hours'): string {
  return JSON.stringify({ ...calendar, [without]: [] });
}
