import { expect, test } from '@jest/globals';
import { windowForPeople } from '../../cli/output/recovery-window.ts';
import type { RecoveryWindow } from '../../client/answers.ts';

const at = (minute: number): string =>
  new Date(Date.UTC(2026, 0, 1) + minute * 60_000).toISOString().replace('.000Z', 'Z');

function interval(
  from: number,
  to: number,
  values: Partial<RecoveryWindow['intervals'][number]> = {},
): RecoveryWindow['intervals'][number] {
  return {
    start_time: at(from),
    end_time: at(to),
    current: true,
    resolution: 'commit_clock',
    event_time: [],
    chain: ['a'],
    estimated_seconds: 95,
    ...values,
  };
}

const lines = (intervals: RecoveryWindow['intervals'], holes: RecoveryWindow['holes'] = []): string[] =>
  windowForPeople({ service_id: 's', intervals, holes }, 50).split('\n');

test('what can be had is a line of time, and holes are gaps in it', () => {
  const [drawn, ends] = lines([
    interval(0, 200, { event_time: [{ start_time: at(100), end_time: at(150) }] }),
    interval(300, 300),
    interval(400, 500, { resolution: 'event_time' }),
  ]);
  expect(drawn).toBe('==========~~~~~=====.........||.........~~~~~~~~~~');
  expect(ends).toBe('2026-01-01 00:00:00.000Z  2026-01-01 08:20:00.000Z');
});

test('a hole that is shorter than a character shows all the same', () => {
  const [drawn] = lines([interval(0, 333), interval(334, 500)]);
  expect(drawn).toBe(`${'='.repeat(33)}.${'='.repeat(16)}`);
});

test('the instant of the only backup is one mark', () => {
  expect(lines([interval(0, 0)])[0]).toBe('|');
});

test('each part is told in the order of time, holes with their cause', () => {
  const text = lines(
    [interval(0, 10), interval(30, 30, { current: false, timeline: 'abc', chain: ['a', 'b'] })],
    [
      { start_time: at(10), end_time: at(20), cause: 'purged', message: 'It was purged.' },
      { start_time: at(40), cause: 'binlog_off', message: 'It is off.' },
    ],
  );
  const wide = windowForPeople(
    {
      service_id: 's',
      intervals: [interval(0, 10), interval(30, 30, { current: false, timeline: 'abc', chain: ['a', 'b'] })],
      holes: [{ start_time: at(40), cause: 'binlog_off', message: 'It is off.' }],
    },
    undefined,
  ).split('\n');
  expect(text.slice(3).map((line) => line.slice(0, 44).trimEnd())).toEqual([
    'START_TIME            END_TIME              WH'.slice(0, 44).trimEnd(),
    '2026-01-01 00:00:00Z  2026-01-01 00:10:00Z',
    '2026-01-01 00:10:00Z  2026-01-01 00:20:00Z',
    '2026-01-01 00:30:00Z',
    '2026-01-01 00:40:00Z',
  ]);
  expect(wide.slice(4).map((line) => line.slice(44))).toEqual([
    'any instant, about 1 min 35 s from one backup',
    'one instant, about 1 min 35 s from a chain of 2, on timeline abc',
    'hole, binlog_off: It is off.',
  ]);
});

test('without a backup there is nothing to draw', () => {
  expect(windowForPeople({ service_id: 's', intervals: [], holes: [] }, 80)).toBe('');
});
