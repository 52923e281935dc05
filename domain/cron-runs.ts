/** When a cron expression comes due. Times are milliseconds since 1970, UTC; an offset moves each of them later. */
import type { Cron } from './cron.ts';

const dayMs = 86_400_000;
const minuteMs = 60_000;

/** The longest wait for a run: a 29 February, over a year 2100 that has none. In days. */
const longestWait = 8 * 366;

/**
 * The first time after `after` at which a run is due.
 *
 * @param offsetSeconds by which every run begins later than the expression says
 */
export function nextRun(cron: Cron, offsetSeconds: number, after: number): number {
  const offset = offsetSeconds * 1000;
  const from = after - offset;
  const firstDay = Math.floor(from / dayMs);
  for (let number = firstDay; number <= firstDay + longestWait; number += 1) {
    if (!isRunDay(cron, number)) continue;
    const midnight = number * dayMs;
    for (const hour of cron.hours) {
      const begin = midnight + hour * 60 * minuteMs;
      // An hour that is over has nothing left to look for.
      if (begin + 60 * minuteMs <= from) continue;
      const minute = cron.minutes.find((value) => begin + value * minuteMs > from);
      if (minute !== undefined) return begin + minute * minuteMs + offset;
    }
  }
  throw new RangeError(`the cron expression ${cron.text} never comes`);
}

/** The next times at which a run is due, in their order. */
export function nextRuns(cron: Cron, offsetSeconds: number, after: number, count: number): number[] {
  const runs: number[] = [];
  let last = after;
  while (runs.length < count) runs.push((last = nextRun(cron, offsetSeconds, last)));
  return runs;
}

/** @param number days since 1970 */
function isRunDay({ days, months, weekdays }: Cron, number: number): boolean {
  const date = new Date(number * dayMs);
  if (!months.includes(date.getUTCMonth() + 1)) return false;
  if (days === undefined && weekdays === undefined) return true;
  return (days?.includes(date.getUTCDate()) ?? false) || (weekdays?.includes(date.getUTCDay()) ?? false);
}

/** The longest time between two runs, at most a year. Milliseconds. */
export function longestInterval(cron: Cron): number {
  const times = cron.hours.flatMap((hour) => cron.minutes.map((minute) => (hour * 60 + minute) * minuteMs));
  const [first = 0] = times;
  let longest = Math.max(0, ...times.slice(1).map((time, index) => time - (times[index] ?? 0)));
  const acrossMidnight = first - (times.at(-1) ?? 0);
  let last: number | undefined;
  const start = Date.UTC(2024, 0, 1) / dayMs;
  for (let number = start; number <= start + 366 + 365; number += 1) {
    if (!isRunDay(cron, number)) continue;
    if (last !== undefined) longest = Math.max(longest, (number - last) * dayMs + acrossMidnight);
    last = number;
  }
  return longest === 0 ? 366 * dayMs : Math.min(longest, 366 * dayMs);
}

/**
 * The offset of a schedule within `width`, fixed by its id: ids that follow each other come to lie far apart, so that
 * any number of schedules of one time of day are spread evenly.
 *
 * @param widthMs milliseconds
 * @returns whole seconds, less than the width
 */
export function spreadOffset(id: number, widthMs: number): number {
  const width = BigInt(Math.floor(widthMs / 1000));
  // Multiples of the golden ratio, as a fraction of 2^64, never crowd anywhere.
  const fraction = BigInt.asUintN(64, BigInt(id) * 0x9e3779b97f4a7c15n);
  return Number((fraction * width) >> 64n);
}
