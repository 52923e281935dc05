import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { minuteWithin, nightlyCron, nightlyTime, parseNightlyWindow } from '../../domain/nightly.ts';

test.each([
  ['00:00-06:00', { startMinute: 0, minutes: 360 }],
  ['22:30-04:00', { startMinute: 1350, minutes: 330 }],
  ['00:00-24:00', { startMinute: 0, minutes: 1440 }],
  ['23:59-00:00', { startMinute: 1439, minutes: 1 }],
])('%s is a window', (text, window) => {
  expect(parseNightlyWindow(text)).toEqual(window);
});

test.each([
  '',
  '0:00-6:00',
  '00:00',
  '03:00-03:00',
  '24:00-06:00',
  '00:60-01:00',
  '00:00-25:00',
  ' 00:00-06:00',
])('"%s" is none', (text) => {
  expect(parseNightlyWindow(text)).toBeUndefined();
});

test('a service has one minute, always the same, inside the window', () => {
  const minute = fc.integer({ min: 0, max: 1439 });
  fc.assert(
    fc.property(fc.string(), minute, fc.integer({ min: 1, max: 1440 }), (serviceId, startMinute, minutes) => {
      const window = { startMinute, minutes };
      const time = nightlyTime(serviceId, window);
      expect(nightlyTime(serviceId, window)).toEqual(time);
      const after = (time.hour * 60 + time.minute - startMinute + 1440) % 1440;
      expect(after).toBeLessThan(minutes);
    }),
  );
});

test('ten thousand services are spread evenly over the window', () => {
  const counts = new Map<string, number>();
  for (let index = 0; index < 10_000; index += 1) {
    const cron = nightlyCron(nightlyTime(`db-${index}`, { startMinute: 0, minutes: 360 }));
    counts.set(cron, (counts.get(cron) ?? 0) + 1);
  }
  expect(counts.size).toBe(360);
  // 27.8 on average; a fair spread stays within five standard deviations.
  expect(Math.max(...counts.values())).toBeLessThan(55);
});

test('an hour that somebody chose is kept, at a minute of the service', () => {
  const times = Array.from({ length: 200 }, (_, index) => minuteWithin(`db-${index}`, 4));
  expect(new Set(times.map(({ hour }) => hour))).toEqual(new Set([4]));
  expect(new Set(times.map(({ minute }) => minute)).size).toBeGreaterThan(50);
  expect(nightlyCron({ hour: 4, minute: 7 })).toBe('7 4 * * *');
});
