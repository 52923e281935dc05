/** `npm run bench`, with little data: what it says is all there. How fast it is, is not tested here. */
import { expect, test } from '@jest/globals';
import type { ChildProcess } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { processesOf, startProgram, until } from '../embedded/start-process.ts';

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
    estimated_s: [positive],
    estimate_ratio: [positive],
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

test('a load is measured with and without its binlog being followed', async () => {
  const figures = await bench(['follow', '--size', '0', '--rate', '200', '--seconds', '2']);
  expect(figures).toEqual({
    bench: 'follow',
    size_bytes: 0,
    runs: 1,
    offered_per_second: 200,
    seconds: 2,
    transactions_per_second: [positive],
    bare_transactions_per_second: [positive],
    ratio: positive,
    server_us_per_transaction: positive,
    bare_server_us_per_transaction: positive,
    server_ratio: positive,
    lag_median_ms: positive,
    lag_p99_ms: positive,
    caught_up_ms: [positive],
    binlog_mb_per_second: positive,
    catching_up_mb_per_second: [positive],
    agent_cpu_s: [positive],
    agent_cpu_s_per_gb: positive,
    memory_bytes: { 'agent-sample-1': positive },
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

test.each([
  ['a signal', ['binlog', '--size', '1G'], 'Writing', (child: ChildProcess) => child.kill('SIGTERM')],
  ['a reader that goes away', ['backup', '--size', '0'], 'Loading', closePipes],
])('%s takes down all that was started', async (_, args, said, giveUp) => {
  const started = startProgram('bench/main.ts', args);
  await until(() => started.stderr().includes(said));
  giveUp(started.child);
  expect(await started.ended).toBe(130);
  expect((await readdir(tmpdir())).filter((name) => name.startsWith('tidemark-bench-'))).toEqual([]);
  expect(processesOf('tidemark-bench-')).toEqual([]);
});

function closePipes({ stdout, stderr }: ChildProcess): void {
  stdout!.destroy();
  stderr!.destroy();
}

test('an unknown measurement is refused with those there are', async () => {
  const started = startProgram('bench/main.ts', ['dump']);
  expect(await started.ended).toBe(2);
  expect(started.stderr()).toContain('Allowed choices are backup, incremental, restore');
});
