/** No room, in the store or on the target: it is said with the bytes that are missing, and nothing half-done stays. */
import { afterAll, afterEach, beforeAll, describe, expect } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, rm, statfs, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Disk, mountingWorks, mountSmallDisk } from '../storage/support.ts';
import { testIf } from '../support/skip.ts';
import { type BackupBody, TestStack, type TestService, until } from '../support/stack.ts';

const test = testIf(mountingWorks(), 'mounting a file system needs root');
const mebibyte = 1024 * 1024;

let storeDisk: Disk;
let serverDisk: Disk;
let ballast: string;
let stack: TestStack;
let service: TestService;
let good: BackupBody;
let before: Record<string, number | null>;

beforeAll(async () => {
  if (!mountingWorks()) return;
  storeDisk = mountSmallDisk('size=100M');
  serverDisk = mountSmallDisk('size=500M');
  ballast = path.join(serverDisk.path, 'ballast');
  const settings = { TIDEMARK_SILENCE_TIMEOUT: '4s' };
  const storage = `file://${storeDisk.path}`;
  stack = await TestStack.start('full-disk', {
    apiSettings: settings,
    controlSettings: { ...settings, TIDEMARK_STORAGE: storage },
  });
  service = await stack.addService('full-1', {
    settings: { storage, backup: { part_size: '1M' }, restore: { parts_ahead: 1 } },
    serverOptions: {
      folder: path.join(serverDisk.path, 'server'),
      // Files in memory cannot be opened past the page cache.
      config: ['innodb_flush_method=fsync', 'innodb_log_file_size=8M'],
    },
    env: { PATH: `${await lateUnpacking()}:${process.env['PATH'] ?? ''}` },
  });
  await service.server.loadSample({ rows: 100 });
  await service.server.query('CREATE TABLE shop.bulk (id INT PRIMARY KEY, noise VARBINARY(1000))');
  await service.server.query('INSERT INTO shop.bulk SELECT seq, RANDOM_BYTES(1000) FROM shop.seq_1_to_20000');
  good = await stack.takeBackup('full-1');
  await service.server.query('CREATE TABLE shop.since (id INT PRIMARY KEY)');
  before = await service.server.checksums();
});

afterEach(async () => {
  if (!mountingWorks()) return;
  await rm(ballast, { force: true });
  storeDisk.remount('size=100M');
});

afterAll(async () => {
  await stack?.stop();
  storeDisk?.remove();
  serverDisk?.remove();
});

/** A `zstd` that begins to unpack after a moment, so that something can happen between the plan and the first byte. */
async function lateUnpacking(): Promise<string> {
  const folder = path.join(serverDisk.path, 'late-unpacking');
  const real = execFileSync('which', ['zstd'], { encoding: 'utf8' }).trim();
  await mkdir(folder);
  await writeFile(
    path.join(folder, 'zstd'),
    `#!/bin/sh\ncase " $* " in *" -d "*) sleep 1 ;; esac\nexec ${real} "$@"\n`,
  );
  await chmod(path.join(folder, 'zstd'), 0o755);
  return folder;
}

async function freeBytes(disk: Disk): Promise<number> {
  const { bavail, bsize } = await statfs(disk.path);
  return bavail * bsize;
}

/** Takes all room but so much. */
async function fillUp(disk: Disk, leftBytes: number): Promise<void> {
  const bytes = (await freeBytes(disk)) - leftBytes;
  execFileSync('fallocate', ['-l', String(bytes), ballast]);
}

/** The name that the failed workflow has in Temporal, which is the name of the error table. */
async function failureName(workflowId: string): Promise<string> {
  const error: unknown = await stack.client.workflow
    .getHandle(workflowId)
    .result()
    .catch((reason: unknown) => reason);
  return String((error as { cause?: { type?: unknown } }).cause?.type);
}

/** The server serves what it had, and nothing of the restore or backup is on its file system. */
async function expectUntouched(): Promise<void> {
  expect(await service.server.checksums()).toEqual(before);
  await service.server.query('CREATE TABLE shop.proof (id INT)');
  await service.server.query('DROP TABLE shop.proof');
  expect(existsSync(path.join(service.server.folder, '.tidemark'))).toBe(false);
  expect(await readdir(path.join(service.stateDirectory, 'operations'))).toEqual([]);
}

describe('a store without room', () => {
  test('fails the backup as storage_full and keeps none of its parts; with room again the next one succeeds', async () => {
    const used = 100 * mebibyte - (await freeBytes(storeDisk));
    storeDisk.remount(`size=${used + 8 * mebibyte}`);
    const id = await stack.orderBackup('full-1');
    const failed = await stack.backupEnd(id);
    const hex = id.slice(0, 32);
    const { body } = await stack.request<{ backups: { id: string; schedule_id: number }[] }>(
      'GET',
      '/backups/full-1',
    );
    const schedule = body.backups.find((entry) => entry.id === id)?.schedule_id;
    expect([failed.status, await failureName(`backup/full-1/${schedule}/${hex}`)]).toEqual([
      'Failed',
      'storage_full',
    ]);
    expect(failed.message).toContain(storeDisk.path);
    expect(await readdir(path.join(storeDisk.path, 'full-1', 'backups'))).toEqual([good.id.slice(0, 32)]);
    expect(await freeBytes(storeDisk)).toBeGreaterThanOrEqual(7 * mebibyte);
    await expectUntouched();

    storeDisk.remount('size=100M');
    expect(await stack.takeBackup('full-1')).toMatchObject({ status: 'Succeeded' });
  });
});

describe('a target without room', () => {
  test('is refused in the plan as disk_full, with the bytes that are missing', async () => {
    await fillUp(serverDisk, 60 * mebibyte);
    const id = await stack.orderRestore(good.id, 'full-1');
    const restore = await stack.restoreEnd(id);
    expect([restore.status, await failureName(await stack.workflowOf(id))]).toEqual(['Failed', 'disk_full']);
    const [, needed, free, missing] =
      /needs (\d+) bytes on the file system of .*, and (\d+) are free\. Free (\d+) bytes, or .*"in-place"/.exec(
        restore.message,
      ) ?? [];
    expect(Number(free)).toBeLessThanOrEqual(60 * mebibyte);
    expect(Number(needed)).toBeGreaterThan(good.backup_size);
    expect(Number(missing)).toBe(Number(needed) - Number(free));
    await expectUntouched();
  });

  test('that loses its room while the backup is fetched fails as disk_full, and serves its old data', async () => {
    const id = await stack.orderRestore(good.id, 'full-1');
    const staging = path.join(service.server.folder, '.tidemark', String(id), 'new');
    await until(
      async () => existsSync(staging),
      (there) => there,
      'the staging directory',
    );
    await fillUp(serverDisk, 12 * mebibyte);
    const restore = await stack.restoreEnd(id);
    expect([restore.status, await failureName(await stack.workflowOf(id))]).toEqual(['Failed', 'disk_full']);
    expect(restore.progress?.phase).toBe('fetching');
    expect(restore.message).toContain('The server serves its old data.');
    await expectUntouched();
  });

  test('for a second copy is restored in place, as the refusal says', async () => {
    await fillUp(serverDisk, 60 * mebibyte);
    await stack.restore(good.id, 'full-1', { mode: 'in-place' });
    const { 'shop.since': since, ...old } = before;
    expect(since).toBeDefined();
    expect(await service.server.checksums()).toEqual(old);
  });
});
