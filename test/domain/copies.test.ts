/** Where copies are made, when one that failed is tried again, and where a restore reads. */
import { describe, expect, test } from '@jest/globals';
import { type CopyStorage } from '../../config/copies.ts';
import { controlSettings } from '../../config/control.ts';
import { loadFromEnvironment } from '../../config/load.ts';
import {
  type BackupSource,
  isRetryable,
  managedStorage,
  pauseAfterFailure,
  planSources,
  withoutAdvice,
} from '../../domain/copies.ts';

const own: BackupSource = { location: managedStorage, shown: 's3://first' };
const google: BackupSource = { location: 'gs://second', shown: 'gs://second' };
const disk: BackupSource = { location: 'file:///third', shown: 'file:///third' };
const refusal = 'It is away.';

describe('a restore reads', () => {
  test('what its agent knows, the place that the plan found first, those that refused last', () => {
    const sources = [google, disk, { ...own, refusal }];
    expect(planSources(sources, [disk.location, google.location])).toEqual(sources);
    expect(planSources(sources, [disk.location])).toEqual([disk, { ...own, refusal }]);
    expect(planSources([{ ...own, refusal }, google], [google.location])).toEqual([
      google,
      { ...own, refusal },
    ]);
    expect(planSources([own, google])).toEqual([own]);
  });

  test('nothing where the agent knows none that has it, and is told what to add', () => {
    expect(() => planSources([google, { ...own, refusal }], [disk.location])).toThrow(
      expect.objectContaining({
        code: 'copy_location_unknown',
        message: expect.stringMatching(
          /gs:\/\/second, which .* "copies" .*s3:\/\/first: It is away\./,
        ) as unknown,
      }),
    );
  });
});

test('what a place refused with is told without the advice to restore another backup', () => {
  const damaged = 'The object a in s3://first is damaged: expected 3 bytes, found 2.';
  expect(withoutAdvice(`${damaged} Restore another backup.`)).toBe(damaged);
  expect(withoutAdvice(`s3://first: ${damaged} Restore another backup. It is late.`)).toBe(
    `s3://first: ${damaged} It is late.`,
  );
  expect(() => planSources([google, { ...own, refusal: `${damaged} Restore another backup.` }], [])).toThrow(
    expect.objectContaining({
      message: expect.not.stringContaining('Restore another backup') as unknown,
    }),
  );
});

test('what may pass is tried again soon, the rest ever more rarely', () => {
  expect(['storage_unavailable', 'operation_lost', 'storage_forbidden', undefined].map(isRetryable)).toEqual([
    true,
    true,
    false,
    false,
  ]);
  expect(pauseAfterFailure(9, true, 1000)).toBe(1000);
  expect([0, 1, 3].map((attempts) => pauseAfterFailure(attempts, false, 1000))).toEqual([1000, 2000, 8000]);
  expect(pauseAfterFailure(500, false, 1000)).toBe(24 * 3_600_000);
});

describe('the setting', () => {
  const copies = (text: string): CopyStorage[] =>
    loadFromEnvironment(controlSettings, {
      TIDEMARK_CATALOG: 'sqlite:///catalog.db',
      TIDEMARK_STORAGE: 's3://first',
      TIDEMARK_COPIES: text,
    }).copies;

  test('is a list of locations, or of storages with their options', () => {
    expect(copies('')).toEqual([]);
    expect(copies('gs://second/, file:///third').map(({ location }) => location)).toEqual([
      'gs://second',
      'file:///third',
    ]);
    const [one] = copies(
      '[{"storage": "s3://b", "storage_options": {"region": "eu", "retry_for": "5s"}, "every_service": false}]',
    );
    expect(one).toMatchObject({ location: 's3://b', everyService: false });
    expect(one?.options).toMatchObject({ region: 'eu', retry_for: 5000, parallel_requests: 16 });
  });

  test.each([
    ['second', 'has the entry "second", which is no location'],
    ['s3://b,s3://b/', 'has the entry "s3://b/", which is there twice'],
    ['[{"storage": "s3://b", "storage_options": {"regoin": "eu"}}]', 'the unknown storage_options.regoin'],
    ['[{"storage": "s3://b", "storage_options": {"retry_for": "x"}}]', 'a wrong storage_options.retry_for'],
    ['[{"storage": "s3://b"', 'TIDEMARK_COPIES has the value'],
  ])('%s is refused, naming what is wrong', (text, words) => {
    expect(() => copies(text)).toThrow(words);
  });
});
