/** A nightly backup that runs when a restore is ordered: it is called off, says why, and is taken again afterwards. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { openCatalog } from '../../catalog/open.ts';
import type { Catalog } from '../../catalog/types.ts';
import { scheduleIds } from '../../domain/ids.ts';
import { expectCleanHost } from '../support/aftermath.ts';
import { type BackupBody, TestStack, type TestService, until } from '../support/stack.ts';

let stack: TestStack;
let service: TestService;
let catalog: Catalog;
let scheduleId: number;
let backupId: string;
let before: Record<string, number | null>;

/** Half a day away, whenever the tests run. */
const hour = (new Date().getUTCHours() + 12) % 24;
const nightly = {
  TIDEMARK_NIGHTLY: 'on',
  TIDEMARK_NIGHTLY_WINDOW: `${clock(hour)}-${clock((hour + 1) % 24)}`,
};

function clock(hours: number): string {
  return `${String(hours).padStart(2, '0')}:00`;
}

beforeAll(async () => {
  stack = await TestStack.start('makes-way', { apiSettings: nightly, controlSettings: nightly });
  service = await stack.addService('nights', {
    // A slow copy, so that there is a middle.
    settings: { backup: { part_size: '1M' }, storage_options: { upload_limit: '8M' } },
  });
  await service.server.loadSample({ rows: 200 });
  await service.server.query('CREATE TABLE shop.bulk (id INT PRIMARY KEY, noise VARBINARY(1000))');
  await service.server.query('INSERT INTO shop.bulk SELECT seq, RANDOM_BYTES(1000) FROM shop.seq_1_to_50000');
  before = await service.server.checksums();
  catalog = await openCatalog(`sqlite://${stack.folder}/catalog.db`);
  scheduleId = (await catalog.findNightlies(['nights'])).get('nights')?.schedule?.id ?? 0;
  backupId = (await stack.takeBackup('nights')).id;
});

afterAll(async () => {
  await catalog?.close();
  await stack?.stop();
});

async function copying(id: string): Promise<void> {
  await until(
    () => stack.backupOf(id),
    ({ progress }) => progress?.phase === 'copying',
    `the copy of ${id}`,
  );
}

async function lastOfSchedule(): Promise<string> {
  const { body } = await stack.request<{ backup_id?: string }>('GET', `/backups/schedules/${scheduleId}`);
  return body.backup_id ?? '';
}

/** Begins a night's backup now. @returns it, in the middle of its copy */
async function beginNight(): Promise<string> {
  const last = await lastOfSchedule();
  const id = scheduleIds.format(await catalog.deploymentId(), scheduleId);
  await stack.client.schedule.getHandle(id).trigger('ALLOW_ALL');
  const begun = await until(lastOfSchedule, (now) => now !== last, 'the run');
  await copying(begun);
  return begun;
}

async function backupsOfSchedule(): Promise<(BackupBody & { start_time?: string })[]> {
  const { body } = await stack.request<{ backups: (BackupBody & { schedule_id: number })[] }>(
    'GET',
    '/backups?service_id=nights&order=asc',
  );
  return body.backups.filter((backup) => backup.schedule_id === scheduleId);
}

test('a restore is taken, says what it waits for, and the nightly backup is taken again after it', async () => {
  await service.server.query('DELETE FROM shop.bulk WHERE id <= 10');
  const first = await beginNight();
  const said = new Set<string>();
  const restoreId = await stack.orderRestore(backupId, 'nights');
  await until(
    async () => {
      // Not through the api, which is slower than what is to be seen here.
      const { status, message } = (await catalog.findRestore(restoreId)) ?? {};
      if (status === 'Scheduled') said.add(message ?? '');
      return status;
    },
    (status) => status !== 'Scheduled',
    'the beginning of the restore',
  );
  expect([...said]).toContain(
    `Waiting for backup ${first} of nights to stop, which Tidemark began by itself: it makes way for this restore.`,
  );
  const again = await lastOfSchedule();
  expect(await stack.backupOf(first)).toMatchObject({
    status: 'Cancelled',
    message:
      `It was cancelled, because restore ${restoreId} needs the service for itself. ` +
      `It is taken again when that restore has ended, as backup ${again}.`,
  });
  expect(again).not.toBe(first);
  const waiting = await until(
    () => stack.backupOf(again),
    ({ message }) => message.startsWith('Waiting for restore'),
    'the wait for the restore',
  );
  expect(waiting).toMatchObject({
    status: 'Scheduled',
    message: `Waiting for restore ${restoreId} of nights to end.`,
  });
  const ended = await stack.restoreEnd(restoreId);
  expect([ended.status, ended.message]).toEqual([
    'Succeeded',
    expect.stringContaining('Restore has succeeded!'),
  ]);
  expect(await service.server.checksums()).toEqual(before);
  expect(await stack.backupEnd(again)).toMatchObject({ status: 'Succeeded' });
  const nights = await backupsOfSchedule();
  expect(nights.map(({ id, status }) => [id, status])).toEqual([
    [first, 'Cancelled'],
    [again, 'Succeeded'],
  ]);
  const record = await catalog.findRestore(restoreId);
  expect(Date.parse(nights[1]?.start_time ?? '')).toBeGreaterThanOrEqual(
    Math.floor(Date.parse(record?.finishedAt ?? '') / 1000) * 1000,
  );
  const { body } = await stack.request('GET', `/backups/schedules/${scheduleId}`);
  expect(body).toMatchObject({ status: 'Succeeded', backup_id: again });
  await expectCleanHost(service);
});

test('a backup that somebody ordered makes no way: the restore is 409', async () => {
  const ordered = await stack.orderBackup('nights');
  await copying(ordered);
  const refused = await stack.request<{ errors: { error: string; message: string }[] }>('POST', '/restores', {
    id: backupId,
    service_id: 'nights',
  });
  expect(refused.status).toBe(409);
  expect(refused.body.errors[0]).toMatchObject({
    error: 'service_busy',
    message: `The service is busy: backup ${ordered} of service nights is running. Ask again when it has ended.`,
  });
  expect(await stack.backupEnd(ordered)).toMatchObject({ status: 'Succeeded' });
});

test('it is taken again, too, when the restore fails', async () => {
  const folder = path.join(stack.storage, 'nights', 'backups', backupId.slice(0, 32));
  const [part = ''] = (await readdir(folder)).filter((name) => name.startsWith('part-'));
  await rm(path.join(folder, part));
  const night = await beginNight();
  const restoreId = await stack.orderRestore(backupId, 'nights');
  expect(await stack.restoreEnd(restoreId)).toMatchObject({ status: 'Failed' });
  expect(await stack.backupOf(night)).toMatchObject({ status: 'Cancelled' });
  const again = await lastOfSchedule();
  expect(again).not.toBe(night);
  expect(await stack.backupEnd(again)).toMatchObject({ status: 'Succeeded' });
  expect(await backupsOfSchedule()).toHaveLength(4);
  expect(await service.server.checksums()).toEqual(before);
});
