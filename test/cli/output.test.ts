/** How answers are shown to people. */
import { expect, test } from '@jest/globals';
import { details } from '../../cli/output/details.ts';
import { printable } from '../../cli/output/printable.ts';
import { table } from '../../cli/output/table.ts';
import { duration, progressLine, time } from '../../cli/output/values.ts';

const columns = [
  { title: 'name', value: ({ name }: { name: string; size: number }) => name },
  { title: 'size', value: ({ size }: { name: string; size: number }) => String(size), right: true as const },
];

test('columns are as wide as what is in them, and figures stand to the right', () => {
  expect(
    table(
      columns,
      [
        { name: 'a', size: 5 },
        { name: 'longer', size: 12345 },
      ],
      undefined,
    ),
  ).toBe('NAME     SIZE\na           5\nlonger  12345');
});

test('lines are cut to the width of a terminal and nowhere else', () => {
  expect(table(columns, [{ name: 'a-long-name', size: 1 }], 10)).toBe('NAME     …\na-long-na…');
});

test('a name cannot move the cursor or add a line to a table', () => {
  expect(printable('a\u001b[2Jb\rc\u009bd\te\nf')).toBe('a\ufffd[2Jb\ufffdc\ufffdd\ufffde\nf');
  expect(table(columns, [{ name: 'a\nb', size: 1 }], undefined).split('\n')).toHaveLength(2);
});

test('times are in UTC and say so', () => {
  expect(time('2024-03-26T17:18:57Z')).toBe('2024-03-26 17:18:57Z');
  expect(time('2024-03-26T17:18:57.123Z')).toBe('2024-03-26 17:18:57Z');
  expect(time('2024-03-26 17:18:57')).toBe('2024-03-26 17:18:57');
  expect(time(undefined)).toBe('');
});

test.each([
  [0, '0 s'],
  [59.4, '59 s'],
  [90, '1 min 30 s'],
  [3_600, '1 h'],
  [90_061, '1 d 1 h'],
])('%d seconds are %s', (seconds, expected) => {
  expect(duration(seconds)).toBe(expected);
});

test('a record is a line a field in the words of the API; what is empty is left out', () => {
  const record = {
    id: 7,
    service_name: '',
    suspended: false,
    storage_bytes: 5_327_326,
    created_at: '2024-03-26T17:18:57Z',
    agent: { hostname: 'db1', alive: true },
    warnings: ['first', 'second'],
    members: [{ kind: 'data', directory: '/d' }],
    rpo_seconds: 75,
  };
  expect(details(record).split('\n')).toEqual([
    'id              7',
    'suspended       no',
    'storage_bytes   5.1 MiB (5327326 bytes)',
    'created_at      2024-03-26 17:18:57Z',
    'agent.hostname  db1',
    'agent.alive     yes',
    'warnings        first',
    'warnings        second',
    'members         kind data, directory /d',
    'rpo_seconds     1 min 15 s',
  ]);
});

test('progress is one line', () => {
  const progress = {
    phase: 'cutting_over',
    percent: 34,
    bytes_done: 1024,
    bytes_total: 4096,
    bytes_per_second: 512,
    eta_seconds: 6,
  };
  expect(progressLine(progress)).toBe('cutting over 34 %, 1.0 KiB of 4.0 KiB, 512 B/s, 6 s left');
});
