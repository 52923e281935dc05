import { describe, expect, test } from '@jest/globals';
import { parseSchedule } from '../../domain/schedule.ts';

describe('a schedule', () => {
  test.each([
    ['once', 'once'],
    [' once ', 'once'],
    ['0 3 * * *', '0 3 * * *'],
    ['  0   3 *\t* * ', '0 3 * * *'],
    ['00 03 * * *', '0 3 * * *'],
    ['*/15 0-6,22-23 1,15 jan-Mar MON-fri', '*/15 0-6,22-23 1,15 1-3 1-5'],
    ['0 0 * * 7', '0 0 * * 0'],
    ['0 0 * * fri-sun', '0 0 * * 0,5,6'],
    ['0 0 * * 5-7,5-7', '0 0 * * 0,5,6'],
    ['5/10 * * * *', '5-59/10 * * * *'],
    ['0 0 1-1 */1 *', '0 0 1 * *'],
    ['0-59 0-23 1-31 1-12 0-6', '* * * * *'],
    // Either day counts, and one of the two is every day.
    ['0 0 1-31 * 1', '0 0 * * *'],
    ['0 0 13 * 1-7', '0 0 * * *'],
    ['0 0 13 * 5', '0 0 13 * 5'],
    // As published, with a lost blank.
    ['0 9 ** *', '0 9 * * *'],
    ['** 1 * *', '* * 1 * *'],
    ['** ** *', '* * * * *'],
    ['@hourly', '0 * * * *'],
    ['@daily', '0 0 * * *'],
    ['@Midnight', '0 0 * * *'],
    ['@weekly', '0 0 * * 0'],
    ['@monthly', '0 0 1 * *'],
    ['@yearly', '0 0 1 1 *'],
    ['@annually', '0 0 1 1 *'],
    ['0 0 29 2 *', '0 0 29 2 *'],
    // The 31 of February never comes, its Mondays do.
    ['0 0 31 2 1', '0 0 31 2 1'],
  ])('%j is read as %j', (text, schedule) => {
    expect(parseSchedule(text)).toEqual({ schedule });
  });

  test.each([
    ['', 'this has 0 fields'],
    ['Once', 'this has 1 field'],
    ['once once', 'this has 2 fields'],
    ['* * * *', 'this has 4 fields'],
    ['* * * * * *', 'this has 6 fields'],
    ['@reboot', '"@reboot" is none of the words @hourly,'],
    ['@daily *', '"@daily *" is none of the words'],
    ['60 * * * *', 'the minute "60" is outside of 0 to 59'],
    ['* 24 * * *', 'the hour "24" is outside of 0 to 23'],
    ['* * 0 * *', 'the day of the month "0" is outside of 1 to 31'],
    ['* * * 13 *', 'the month "13" is outside of 1 to 12'],
    ['* * * * 8', 'the day of the week "8" is outside of 0 to 7'],
    ['5-1 * * * *', 'the minute "5-1" begins after it ends; write two ranges, such as 5-59,0-1'],
    ['1-2-3 * * * *', 'the minute "1-2-3" is no value'],
    ['*/0 * * * *', 'the minute "*/0" has the step 0'],
    ['*/90 * * * *', 'the minute "*/90" has a step of more than 60'],
    ['1, * * * *', 'the minute "" is no value'],
    ['-1 * * * *', 'the minute "-1" is no value'],
    ['* * * * funday', 'the day of the week "funday" is no value'],
    ['** * * * *', 'the minute "**" is no value'],
    ['? * * * *', 'the minute "?" is no value'],
    ['* * L * *', 'the day of the month "L" is no value'],
    ['* * * * 5#2', 'the day of the week "5#2" is no value'],
    ['0 0 31 2 *', 'it would never run: there is no day 31 in the month feb'],
    ['0 0 31 2,4,jun *', 'it would never run: there is no day 31 in the month feb, apr, jun'],
    ['0 0 30-31 2 *', 'it would never run: there is no day 30'],
  ])('%j is none: %s', (text, reason) => {
    expect(parseSchedule(text)).toEqual({ wrong: expect.stringContaining(reason) });
  });
});
