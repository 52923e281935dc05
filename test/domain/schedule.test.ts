import { describe, expect, test } from '@jest/globals';
import { parseSchedule } from '../../domain/schedule.ts';

describe('a schedule', () => {
  test.each([
    ['once', 'once'],
    [' once ', 'once'],
    ['0 3 * * *', '0 3 * * *'],
    ['  0   3 *\t* * ', '0 3 * * *'],
    ['*/15 0-6,22-23 1,15 jan-Mar MON-fri', '*/15 0-6,22-23 1,15 jan-Mar MON-fri'],
    ['0 0 * * 7', '0 0 * * 7'],
    ['5/10 * * * *', '5/10 * * * *'],
    // As published, with a lost blank.
    ['0 9 ** *', '0 9 * * *'],
    ['** 1 * *', '* * 1 * *'],
  ])('%j is read as %j', (text, schedule) => {
    expect(parseSchedule(text)).toEqual({ schedule });
  });

  test.each([
    ['', '0 fields'],
    ['Once', '1 fields'],
    ['once once', '2 fields'],
    ['@daily', '1 fields'],
    ['* * * *', '4 fields'],
    ['* * * * * *', '6 fields'],
    ['** ** *', '3 fields'],
    ['60 * * * *', 'minute (0 to 59)'],
    ['* 24 * * *', 'hour (0 to 23)'],
    ['* * 0 * *', 'day of the month (1 to 31)'],
    ['* * * 13 *', 'month (1 to 12)'],
    ['* * * * 8', 'day of the week (0 to 7)'],
    ['5-1 * * * *', 'minute'],
    ['1-2-3 * * * *', 'minute'],
    ['*/0 * * * *', 'minute'],
    ['1, * * * *', 'minute'],
    ['-1 * * * *', 'minute'],
    ['* * * * funday', 'day of the week'],
    ['** * * * *', 'minute'],
  ])('%j is none: %s', (text, reason) => {
    expect(parseSchedule(text)).toEqual({ wrong: expect.stringContaining(reason) });
  });
});
