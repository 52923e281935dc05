/** `npm run demo`, with little data, from its start to its exit code. */
import { expect, test } from '@jest/globals';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { differences } from '../../embedded/demo/snapshot.ts';
import { longRun } from '../support/long.ts';
import { testIf } from '../support/skip.ts';
import { processesOf, startProgram, until } from './start-process.ts';

async function nothingIsLeft(): Promise<void> {
  expect((await readdir(tmpdir())).filter((name) => name.startsWith('tidemark-demo-'))).toEqual([]);
  expect(processesOf('tidemark-demo-')).toEqual([]);
}

test('the demo backs up, finds what was dropped, restores to just before it, undoes that, and restores to the second', async () => {
  const demo = startProgram('embedded/demo.ts', ['--fast', '--size', '3M']);
  expect({ code: await demo.ended, said: demo.stderr() }).toEqual({ code: 0, said: '' });
  const told = demo.stdout();
  for (const part of [
    'POST /skybackup/v1/backups/schedules {"backup_type":"full","schedule":"once","service_id":"sample-1"}',
    '{"backup_type":"incremental",',
    '{"backup_type":"dump",',
    '{"backup_type":"binarylog",',
    'any instant, about',
    'with 0 holes',
    'GET /skybackup/v1/services/sample-1/transactions {"from":',
    '"kind":"DDL","statements":["DROP TABLE"],"tables":["shop.orders"]',
    '"service_id":"sample-1","before_gtid":"0-1-',
    '/undo {}',
    '"point_in_time":"20',
    'cutting over',
    'Everything is as it was just before the drop, and to the second.',
  ])
    expect(told).toContain(part);
  // The truth came from the binlog, and something had been written by the time of the backup.
  expect(Number(/GTID 0-1-(\d+)/.exec(told)?.[1])).toBeGreaterThan(10);
  await nothingIsLeft();
});

// A whole stack on Google Cloud Storage is in every run, too: start-storage.test.ts.
const inFull = testIf(longRun, 'one demo on a store is enough, see npm run test:long');
inFull('the demo on Google Cloud Storage starts a server of its own, and leaves nothing', async () => {
  const demo = startProgram('embedded/demo.ts', ['--storage', 'gcs', '--fast', '--size', '3M']);
  expect({ code: await demo.ended, said: demo.stderr() }).toEqual({ code: 0, said: '' });
  expect(demo.stdout()).toContain('gs://tidemark-demo/backups at http://127.0.0.1:');
  expect(demo.stdout()).toContain('Everything is as it was just before the drop, and to the second.');
  await nothingIsLeft();
});

test('encrypted on S3 and with --keep, the stack stays until Ctrl-C, at the addresses that were printed', async () => {
  const options = ['--storage', 's3', '--encrypted', '--fast', '--size', '3M', '--keep'];
  const demo = startProgram('embedded/demo.ts', options);
  await until(() => demo.stdout().includes('Ctrl-C stops everything.') || demo.child.exitCode !== null);
  expect(demo.stdout()).toContain('s3://tidemark-demo/backups at http://127.0.0.1:');
  expect(demo.stdout()).toMatch(/encrypted for age1\w{58}\n/);
  expect(demo.stdout()).toContain('Everything is as it was just before the drop, and to the second.');
  expect(demo.stdout()).not.toContain('AGE-SECRET-KEY');
  const [, api = '', token = ''] = /API\s+(http:\S+)[\s\S]*token\s+(\S+)/.exec(demo.stdout()) ?? [];
  const answer = await fetch(`${api}/backups/sample-1`, { headers: { 'x-api-key': token } });
  const { backups_count: backups } = (await answer.json()) as { backups_count: number };
  // A full that was begun after the restore may be there as well.
  expect(backups).toBeGreaterThanOrEqual(4);
  demo.child.kill('SIGINT');
  expect(await demo.ended).toBe(0);
  await nothingIsLeft();
});

test('Ctrl-C in the middle of the demo leaves nothing', async () => {
  const demo = startProgram('embedded/demo.ts', ['--fast', '--size', '3M']);
  await until(() => demo.stdout().includes('Take a full backup'));
  demo.child.kill('SIGINT');
  expect(await demo.ended).toBe(130);
  await nothingIsLeft();
});

test('what differs, is missing or is new is told by its name', () => {
  const expected = new Map([
    ['table shop.orders, rows', '1'],
    ['table shop.orders, definition', 'same'],
    ['event archive.tidy', 'made'],
  ]);
  const found = new Map([
    ['table shop.orders, rows', '2'],
    ['table shop.orders, definition', 'same'],
    ['account intruder', 'made'],
  ]);
  expect(differences(expected, found)).toEqual([
    'account intruder: was not there before',
    'event archive.tidy: missing',
    'table shop.orders, rows: expected 1, found 2',
  ]);
  expect(differences(expected, new Map(expected))).toEqual([]);
});
