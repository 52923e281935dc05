/** `npm run bench`, with little data: what it says is all there. How fast it is, is not tested here. */
import { expect, test } from '@jest/globals';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { processesOf, startProgram } from '../embedded/start-process.ts';

async function bench(args: string[]): Promise<Record<string, unknown>> {
  const started = startProgram('bench/main.ts', [...args, '--json', '--runs', '1']);
  const code = await started.ended;
  if (code !== 0) throw new Error(started.stderr());
  expect(started.stdout().split('\n')).toHaveLength(2);
  expect((await readdir(tmpdir())).filter((name) => name.startsWith('tidemark-bench-'))).toEqual([]);
  expect(processesOf('tidemark-bench-')).toEqual([]);
  return JSON.parse(started.stdout()) as Record<string, unknown>;
}

const positive = expect.any(Number);
const memory = { api: positive, worker: positive, 'agent-sample-1': positive };

test('a backup is measured in both ways', async () => {
  expect(await bench(['backup', '--size', '0'])).toEqual({
    bench: 'backup',
    size_bytes: 0,
    runs: 1,
    ours_ms: [positive],
    bare_ms: [positive],
    ours_median_ms: positive,
    bare_median_ms: positive,
    ratio: positive,
    stored_bytes: positive,
    memory_bytes: memory,
  });
});

test('an incremental is measured in both ways, beside the size of its full', async () => {
  expect(await bench(['incremental', '--size', '1M'])).toEqual({
    bench: 'incremental',
    size_bytes: 1024 ** 2,
    runs: 1,
    ours_ms: [positive],
    bare_ms: [positive],
    ours_median_ms: positive,
    bare_median_ms: positive,
    ratio: positive,
    stored_bytes: positive,
    full_stored_bytes: positive,
  });
});

test('a restore is measured in both ways, with the time in which the server did not serve', async () => {
  expect(await bench(['restore', '--size', '1M'])).toEqual({
    bench: 'restore',
    size_bytes: 1024 ** 2,
    runs: 1,
    ours_ms: [positive],
    bare_ms: [positive],
    ours_median_ms: positive,
    bare_median_ms: positive,
    ratio: positive,
    not_serving_ms: [positive],
    bare_not_serving_ms: [positive],
    ours_steps_ms: {
      inspectHost: positive,
      fetchBackup: positive,
      prepareBackup: positive,
      checkCopy: positive,
      cutOver: positive,
      between: positive,
    },
    bare_steps_ms: {
      extract: positive,
      prepare: positive,
      check: positive,
      cut_over: positive,
      sync: positive,
    },
    memory_bytes: memory,
  });
});

test('backups to a store and restores from it are measured in both ways, with age in both', async () => {
  const work = {
    ours_ms: [positive],
    bare_ms: [positive],
    ours_median_ms: positive,
    bare_median_ms: positive,
    ratio: positive,
    ratios: [positive],
    ours_cpu_s: memory,
    ours_machine_cpu_s: positive,
    bare_machine_cpu_s: positive,
  };
  expect(await bench(['stores', '--only', 's3', '--encrypted', '--size', '1M'])).toEqual({
    bench: 'stores',
    size_bytes: 1024 ** 2,
    runs: 1,
    encrypted: true,
    stores: {
      s3: {
        backup: {
          ...work,
          ours_steps_ms: expect.objectContaining({ takeBackup: positive, between: positive }),
          bare_steps_ms: { pipe: positive, sync: positive },
          stored_bytes: positive,
          bare_upload_ms: [positive],
          bare_with_upload_median_ms: positive,
          ratio_with_upload: positive,
        },
        restore: {
          ...work,
          ours_steps_ms: expect.objectContaining({
            fetchBackup: positive,
            cutOver: positive,
            between: positive,
          }),
          bare_steps_ms: {
            extract: positive,
            prepare: positive,
            check: positive,
            sync: positive,
            cut_over: positive,
          },
        },
        memory_bytes: memory,
      },
    },
  });
});

test('binlogs are read whole, by us and by others', async () => {
  const figures = {
    bytes: positive,
    events: positive,
    transactions: positive,
    bytes_per_event: positive,
    ours_mb_per_second: positive,
    ours_mb_per_cpu_second: positive,
    reading_alone_mb_per_second: positive,
    mariadb_binlog_mb_per_second: positive,
    ratio_to_reading_alone: positive,
    ratio_to_mariadb_binlog: positive,
  };
  expect(await bench(['binlog', '--size', '1M'])).toEqual({
    bench: 'binlog',
    size_bytes: 1024 ** 2,
    runs: 1,
    small: figures,
    large: figures,
  });
});

test('an unknown measurement is refused with those there are', async () => {
  const started = startProgram('bench/main.ts', ['dump']);
  expect(await started.ended).toBe(2);
  expect(started.stderr()).toContain('backup, incremental, restore, stores');
});
