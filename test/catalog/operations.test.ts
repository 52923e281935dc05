import { expect, test } from '@jest/globals';
import type { Progress } from '../../domain/progress.ts';
import { describeOnBoth } from './databases.ts';
import { finishedBackup, newBackupId, orderBackup, orderRestore, registered } from './records.ts';

const progress: Progress = {
  phase: 'copying',
  percent: 41,
  bytesDone: 4_100_000_000_000,
  bytesTotal: 10_000_000_000_000,
  bytesPerSecond: 1_000_000,
  etaSeconds: 12,
};

describeOnBoth('operations', (database) => {
  test('ordering a backup makes its schedule, itself and the wish for a place together', async () => {
    const service = await registered(database.catalog);
    const { schedule, backup, workflowId } = await orderBackup(database.catalog, service);
    expect(schedule).toEqual({
      id: expect.any(Number) as unknown,
      organization: service.organization,
      serviceId: service.serviceId,
      serviceName: service.serviceName,
      schedule: 'once',
      type: 'full',
      status: 'Scheduled',
      message: 'Backup is scheduled.',
      suspended: false,
      labels: {},
      createdAt: backup.createdAt,
      updatedAt: backup.createdAt,
      backupId: backup.id,
      cloudProvider: 'aws',
      offsetSeconds: 0,
      countedFrom: backup.createdAt,
    });
    expect(backup).toMatchObject({
      scheduleId: schedule.id,
      serverName: service.serverName,
      method: 'skybucket',
      cloudProvider: 'aws',
      status: 'Scheduled',
      referenceFullBackup: '',
      storedBytes: 0,
    });
    expect(await database.catalog.findSchedule(schedule.id, service.organization)).toEqual(schedule);
    expect(await database.catalog.findBackup(backup.id)).toEqual(backup);
    const places = (await database.catalog.listPlaces()).filter((place) => place.workflowId === workflowId);
    expect(places).toMatchObject([
      { serviceId: service.serviceId, operation: `backup ${backup.id}`, held: false },
    ]);
  });

  test('an order that fails leaves nothing of itself', async () => {
    const service = await registered(database.catalog);
    const { backup, workflowId } = await orderBackup(database.catalog, service);
    const again = database.catalog.createOneTimeBackup({
      organization: service.organization,
      service,
      type: 'full',
      backupId: newBackupId(service),
      message: '',
      workflowId: () => workflowId,
    });
    await expect(again).rejects.toThrow();
    const { items, count } = await database.catalog.listBackups(
      service.organization,
      {},
      { page: 1, pageSize: 10, order: 'asc' },
    );
    expect({ items, count }).toEqual({ items: [backup], count: 1 });
  });

  test('schedules and restores count from 1, and numbers that are none find nothing', async () => {
    const catalog = await database.open(await database.newLocation());
    await catalog.migrate();
    const service = await registered(catalog);
    expect((await orderBackup(catalog, service)).schedule.id).toBe(1);
    const { schedule, backup } = await orderBackup(catalog, service);
    expect(schedule.id).toBe(2);
    for (const { workflowId } of await catalog.listPlaces()) await catalog.releasePlace(workflowId);
    expect((await orderRestore(catalog, service, backup)).id).toBe(1);
    for (const id of [0, -1, 1.5, 99, 2 ** 31, 2 ** 53, 1e300, NaN, Infinity]) {
      expect(await catalog.findSchedule(id, service.organization)).toBeUndefined();
      expect(await catalog.findRestore(id)).toBeUndefined();
      expect(await catalog.updateRestore(id, { message: 'x' })).toBe(false);
    }
  });

  test('what a running backup reports is kept, field by field', async () => {
    const service = await registered(database.catalog);
    const { backup } = await orderBackup(database.catalog, service);
    const first = { status: 'Running' as const, startedAt: '2026-02-02T10:00:00.123Z', progress };
    expect(await database.catalog.updateBackup(backup.id, first)).toBe(true);
    expect(await database.catalog.updateBackup(backup.id, {})).toBe(true);
    const last = {
      status: 'Succeeded' as const,
      message: 'Backup has succeeded!',
      endedAt: '2026-02-02T10:01:00.000Z',
      pointInTime: '2026-02-02T10:00:59.999Z',
      binlog: { file: 'binlog.000007', position: 5_000_000_000, gtid: '0-1-42' },
      storedBytes: 5_000_000_000_000,
      uncompressedBytes: 14_000_000_000_000,
      manifestSha256: 'ab'.repeat(32),
    };
    expect(await database.catalog.updateBackup(backup.id, last)).toBe(true);
    expect(await database.catalog.findBackup(backup.id)).toEqual({ ...backup, ...first, ...last });
  });

  test('a one-time schedule says what its backup says, and when it was taken up first', async () => {
    const service = await registered(database.catalog);
    const { backup, schedule } = await orderBackup(database.catalog, service);
    const read = async (): ReturnType<typeof database.catalog.findSchedule> =>
      await database.catalog.findSchedule(schedule.id, service.organization);
    const startedAt = '2026-02-02T10:00:00.000Z';
    await database.catalog.updateBackup(backup.id, { status: 'Running', message: 'Copying.', startedAt });
    expect(await read()).toMatchObject({ status: 'Running', message: 'Copying.', scheduledAt: startedAt });
    await database.catalog.updateBackup(backup.id, {
      status: 'Running',
      startedAt: '2026-02-02T11:00:00.000Z',
    });
    await database.catalog.updateBackup(backup.id, { progress });
    expect(await read()).toMatchObject({ status: 'Running', message: 'Copying.', scheduledAt: startedAt });
    await database.catalog.updateBackup(backup.id, { status: 'Failed', message: 'The disk is full.' });
    expect(await read()).toMatchObject({ status: 'Failed', message: 'The disk is full.' });
  });

  test.each(['Succeeded', 'Failed', 'Cancelled'] as const)(
    '%s is final for a backup and a restore',
    async (end) => {
      const service = await registered(database.catalog);
      const { backup, schedule, workflowId } = await orderBackup(database.catalog, service);
      expect(await database.catalog.updateBackup(backup.id, { status: end, message: 'the end' })).toBe(true);
      await database.catalog.releasePlace(workflowId);
      const restore = await orderRestore(database.catalog, service, backup);
      expect(await database.catalog.updateRestore(restore.id, { status: end, message: 'the end' })).toBe(
        true,
      );
      for (const status of ['Scheduled', 'Running', 'Succeeded', 'Failed', 'Cancelled'] as const) {
        expect(await database.catalog.updateBackup(backup.id, { status, message: 'after' })).toBe(false);
        expect(await database.catalog.updateRestore(restore.id, { status, message: 'after' })).toBe(false);
      }
      const said = { status: end, message: 'the end' };
      expect(await database.catalog.findBackup(backup.id)).toMatchObject(said);
      expect(await database.catalog.findSchedule(schedule.id, service.organization)).toMatchObject(said);
      expect(await database.catalog.findRestore(restore.id)).toMatchObject(said);
    },
  );

  test('of twenty ends at once exactly one is written, and the schedule agrees with it', async () => {
    const service = await registered(database.catalog);
    const { backup, schedule } = await orderBackup(database.catalog, service);
    const other = await database.open(database.location);
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const status = index % 2 === 0 ? ('Succeeded' as const) : ('Failed' as const);
        const catalog = index % 3 === 0 ? other : database.catalog;
        return await catalog.updateBackup(backup.id, { status, message: `end ${index}` });
      }),
    );
    expect(answers.filter(Boolean)).toHaveLength(1);
    const message = `end ${answers.indexOf(true)}`;
    expect(await database.catalog.findBackup(backup.id)).toMatchObject({ message });
    expect(await database.catalog.findSchedule(schedule.id, service.organization)).toMatchObject({ message });
  });

  test('a message with a NUL character is kept without it, so that a failure is recorded whatever a program said', async () => {
    const service = await registered(database.catalog);
    const { backup } = await orderBackup(database.catalog, service);
    expect(await database.catalog.updateBackup(backup.id, { status: 'Failed', message: 'said "\0"' })).toBe(
      true,
    );
    expect(await database.catalog.findBackup(backup.id)).toMatchObject({ message: 'said "\uFFFD"' });
  });

  test('what a restore reports is kept, field by field', async () => {
    const service = await registered(database.catalog);
    const backup = await finishedBackup(database.catalog, service);
    const restore = await orderRestore(database.catalog, service, backup);
    expect(restore).toEqual({
      id: expect.any(Number) as unknown,
      workflowId: `restore/${service.serviceId}/${restore.id}`,
      organization: service.organization,
      serviceId: service.serviceId,
      serviceName: service.serviceName,
      backupId: backup.id,
      mode: 'side-by-side',
      type: 'physical',
      bucket: 'file:///srv/backups',
      status: 'Scheduled',
      message: 'Restore is scheduled.',
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as unknown,
    });
    const patch = {
      status: 'Succeeded' as const,
      message: 'Restore has succeeded!',
      finishedAt: '2026-02-02T10:01:00.000Z',
      pointInTime: '2026-02-02T09:00:00.000Z',
      progress: { ...progress, phase: 'fetching' as const },
      reached: { gtid: '0-1-42', binlog_position: 17 },
    };
    expect(await database.catalog.updateRestore(restore.id, patch)).toBe(true);
    expect(await database.catalog.findRestore(restore.id)).toEqual({ ...restore, ...patch });
    expect(await database.catalog.findRestore(restore.id, service.organization)).toBeDefined();
  });

  test('another organization finds nothing, and unknown ids are no error', async () => {
    const service = await registered(database.catalog);
    const backup = await finishedBackup(database.catalog, service);
    const restore = await orderRestore(database.catalog, service, backup);
    expect(await database.catalog.findBackup(backup.id, 'others')).toBeUndefined();
    expect(await database.catalog.findSchedule(backup.scheduleId, 'others')).toBeUndefined();
    expect(await database.catalog.findRestore(restore.id, 'others')).toBeUndefined();
    expect(await database.catalog.findBackup('no such backup')).toBeUndefined();
    expect(await database.catalog.updateBackup('no such backup', { status: 'Failed' })).toBe(false);
    await database.catalog.releasePlace('no such workflow');
  });

  test('the unfinished are listed oldest first, and the finished are not', async () => {
    const catalog = await database.open(await database.newLocation());
    await catalog.migrate();
    const service = await registered(catalog);
    const done = await finishedBackup(catalog, service);
    const restore = await orderRestore(catalog, service, done);
    const waiting = [
      (await orderBackup(catalog, service)).backup.id,
      (await orderBackup(catalog, service)).backup.id,
    ];
    await catalog.updateBackup(waiting[0] ?? '', { status: 'Running' });
    const { backups, restores } = await catalog.unfinished();
    const times = backups.map(({ createdAt }) => createdAt);
    expect(times).toEqual(times.toSorted());
    expect(new Set(backups.map(({ id }) => id))).toEqual(new Set(waiting));
    expect(restores).toEqual([restore]);
    await catalog.updateRestore(restore.id, { status: 'Cancelled' });
    expect((await catalog.unfinished()).restores).toEqual([]);
  });
});
