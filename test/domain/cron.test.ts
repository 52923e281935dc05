/** Properties of cron expressions, against croner, against a reading minute by minute, and against each other. */
import { describe, expect, test } from '@jest/globals';
import { Cron as Croner } from 'croner';
import fc from 'fast-check';
import { type Calendar, calendarsOf } from '../../domain/cron-calendars.ts';
import { longestInterval, nextRun, nextRuns, spreadOffset } from '../../domain/cron-runs.ts';
import { type Cron, parseCron } from '../../domain/cron.ts';

const minuteMs = 60_000;
const dayMs = 86_400_000;

function field(least: number, most: number): fc.Arbitrary<string> {
  const value = fc.integer({ min: least, max: most });
  const step = fc.integer({ min: 1, max: most - least + 1 });
  const range = fc.tuple(value, value).map(([a, b]) => `${String(Math.min(a, b))}-${String(Math.max(a, b))}`);
  const item = fc.oneof(
    value.map(String),
    range,
    fc.tuple(range, step).map(([text, by]) => `${text}/${by}`),
    step.map((by) => `*/${by}`),
  );
  return fc.oneof(
    { weight: 2, arbitrary: fc.constant('*') },
    { weight: 3, arbitrary: fc.array(item, { minLength: 1, maxLength: 3 }).map((items) => items.join(',')) },
  );
}

const texts = fc
  .tuple(field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 6))
  .map((fields) => fields.join(' '));

/** Expressions that come. */
const crons = texts.map((text) => parseCron(text)).filter((cron): cron is Cron => !('wrong' in cron));

const times = fc.integer({ min: Date.UTC(2020, 0, 1) / 1000, max: Date.UTC(2090, 0, 1) / 1000 });

/** Whether a calendar fits a time, read plainly. */
function fits(calendar: Calendar, time: number): boolean {
  const date = new Date(time);
  const year = date.getUTCFullYear();
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return (
    calendar.second === date.getUTCSeconds() &&
    calendar.minutes.includes(date.getUTCMinutes()) &&
    calendar.hours.includes(date.getUTCHours()) &&
    calendar.days.includes(date.getUTCDate()) &&
    calendar.months.includes(date.getUTCMonth() + 1) &&
    calendar.weekdays.includes(date.getUTCDay()) &&
    (calendar.years === undefined || (calendar.years === 'leap') === leap)
  );
}

describe('a cron expression', () => {
  test('is its own normal form once it is in it', () => {
    fc.assert(
      fc.property(crons, (cron) => {
        expect(parseCron(cron.text)).toEqual(cron);
      }),
    );
  });

  test('comes when croner says that it comes', () => {
    fc.assert(
      fc.property(texts, times, (text, seconds) => {
        const cron = parseCron(text);
        fc.pre(!('wrong' in cron));
        const theirs = new Croner(cron.text, { mode: '5-part', timezone: 'UTC' }).nextRun(
          new Date(seconds * 1000),
        );
        expect(new Date(nextRun(cron, 0, seconds * 1000))).toEqual(theirs);
      }),
      { numRuns: 300 },
    );
  });

  test('that never comes for croner is refused, and no other', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const refused = 'wrong' in parseCron(text);
        const theirs = new Croner(text, { mode: '5-part', timezone: 'UTC' }).nextRun(
          new Date('2024-01-01T00:00:00Z'),
        );
        expect(refused).toBe(theirs === null);
      }),
      { numRuns: 300 },
    );
  });

  test('runs once, strictly after the time that is asked for, and each later than the one before', () => {
    fc.assert(
      fc.property(crons, times, fc.integer({ min: 0, max: 86_399 }), (cron, seconds, offset) => {
        const runs = nextRuns(cron, offset, seconds * 1000, 3);
        expect(runs[0]).toBeGreaterThan(seconds * 1000);
        expect(new Set(runs).size).toBe(3);
        expect(runs.toSorted((a, b) => a - b)).toEqual(runs);
      }),
    );
  });

  test('comes on 29 February alone, also over a year 2100 that has none', () => {
    const cron = parseCron('30 4 29 2 *') as Cron;
    expect(nextRuns(cron, 0, Date.UTC(2092, 2, 1), 2).map((time) => new Date(time).toISOString())).toEqual([
      '2096-02-29T04:30:00.000Z',
      '2104-02-29T04:30:00.000Z',
    ]);
  });
});

describe('the calendars of a cron expression', () => {
  test('fit every run, moved by the offset, and nothing between two runs', () => {
    fc.assert(
      fc.property(crons, times, fc.integer({ min: 0, max: 86_399 }), (cron, seconds, offset) => {
        const calendars = calendarsOf(cron, offset);
        let last = seconds * 1000;
        for (const run of nextRuns(cron, offset, last, 20)) {
          expect(calendars.some((calendar) => fits(calendar, run))).toBe(true);
          const between = Math.min(run, last + 3 * dayMs);
          for (let time = run - minuteMs; time > last && time > run - (between - last); time -= minuteMs) {
            if (calendars.some((calendar) => fits(calendar, time)))
              throw new Error(`${cron.text} +${offset} s: a run at ${new Date(time).toISOString()} too many`);
          }
          last = run;
        }
      }),
      { numRuns: 60 },
    );
  });

  test.each([
    ['55 23 28 2 *', ['2027-03-01T00:05:00.000Z', '2028-02-29T00:05:00.000Z']],
    ['55 23 31 12 *', ['2027-01-01T00:05:00.000Z', '2028-01-01T00:05:00.000Z']],
    ['55 23 * * 6', ['2026-11-29T00:05:00.000Z', '2026-12-06T00:05:00.000Z']],
  ])('of %s move over midnight to the right day', (text, expected) => {
    const cron = parseCron(text) as Cron;
    const runs = nextRuns(cron, 600, Date.UTC(2026, 10, 22, 12), 2);
    expect(runs.map((time) => new Date(time).toISOString())).toEqual(expected);
    const calendars = calendarsOf(cron, 600);
    for (const run of runs) expect(calendars.some((calendar) => fits(calendar, run))).toBe(true);
  });

  test('of every minute are one', () => {
    expect(calendarsOf(parseCron('* * * * *') as Cron, 217)).toHaveLength(1);
    expect(calendarsOf(parseCron('0 3 * * *') as Cron, 217)).toHaveLength(1);
  });
});

describe('the longest interval', () => {
  test.each([
    ['* * * * *', minuteMs],
    ['0 * * * *', 60 * minuteMs],
    ['0 1,2 * * *', 23 * 60 * minuteMs],
    ['0 3 * * *', dayMs],
    ['0 3 * * 1-5', 3 * dayMs],
    ['* 9-17 * * 1-5', 2 * dayMs + (15 * 60 + 1) * minuteMs],
    ['0 0 31 * *', 61 * dayMs],
    ['0 0 29 2 *', 366 * dayMs],
  ])('of %s', (text, expected) => {
    expect(longestInterval(parseCron(text) as Cron)).toBe(expected);
  });
});

describe('the offset of a schedule', () => {
  test('stays within the width, and is the same each time', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2 ** 40 }),
        fc.integer({ min: 0, max: 43_200_000 }),
        (id, width) => {
          const offset = spreadOffset(id, width);
          expect(offset).toBe(spreadOffset(id, width));
          expect(offset).toBeGreaterThanOrEqual(0);
          expect(offset).toBeLessThan(Math.max(1, width / 1000));
        },
      ),
    );
  });

  test('puts ten thousand schedules evenly into five minutes', () => {
    const starts = new Map<number, number>();
    for (let id = 1; id <= 10_000; id += 1) {
      const offset = spreadOffset(id, 300_000);
      starts.set(offset, (starts.get(offset) ?? 0) + 1);
    }
    expect(starts.size).toBe(300);
    expect(Math.max(...starts.values())).toBeLessThanOrEqual(40);
  });
});
