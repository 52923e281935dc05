import { expect, test } from '@jest/globals';
import type { ScheduleRecord } from '../../catalog/schedule-types.ts';
import type { ServiceRecord } from '../../catalog/types.ts';
import { describeOnBoth } from './databases.ts';
import { finishedBackup, newBackupId, orderBackup, registered } from './records.ts';

const page = { page: 1, pageSize: 50, order: 'desc' } as const;

describeOnBoth('schedules that repeat', (database) => {
  async function create(service: ServiceRecord, schedule = '0 3 * * *'): Promise<ScheduleRecord> {
    return await database.catalog.createSchedule({
      organization: service.organization,
      service,
      schedule,
      type: 'full',
      labels: { origin: 'test' },
      offsetSeconds: (id) => id + 1000,
    });
  }

  async function begin(
    schedule: ScheduleRecord,
    dueAt = new Date().toISOString(),
    backupId?: string,
  ): ReturnType<typeof database.catalog.beginScheduledBackup> {
    return await database.catalog.beginScheduledBackup({
      scheduleId: schedule.id,
      dueAt,
      backupId: (service) => backupId ?? newBackupId(service),
      workflowId: (id) => `backup/${id}`,
    });
  }

  test('have the offset of their id, and Temporal has to be told of them', async () => {
    const service = await registered(database.catalog);
    const made = await create(service);
    expect(made).toEqual({
      id: expect.any(Number) as unknown,
      organization: service.organization,
      serviceId: service.serviceId,
      serviceName: service.serviceName,
      cloudProvider: 'aws',
      schedule: '0 3 * * *',
      type: 'full',
      status: 'Scheduled',
      message: '',
      suspended: false,
      labels: { origin: 'test' },
      createdAt: made.createdAt,
      updatedAt: made.createdAt,
      countedFrom: made.createdAt,
      offsetSeconds: made.id + 1000,
    });
    expect(await database.catalog.findSchedule(made.id, service.organization)).toEqual(made);
    expect(await database.catalog.findSchedule(made.id, 'another')).toBeUndefined();
    expect(await database.catalog.findScheduleIntent(made.id)).toMatchObject({
      settled: false,
      deleted: false,
    });
  });

  test('are settled only at their newest revision', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const { id } = await create(service);
    const first = (await catalog.findScheduleIntent(id))?.revision ?? 0;
    await catalog.changeSchedule(id, service.organization, { suspended: true });
    expect(await catalog.settleSchedule(id, first)).toBe(false);
    expect(await catalog.findScheduleIntent(id)).toMatchObject({ settled: false, revision: first + 1 });
    expect(await catalog.settleSchedule(id, first + 1)).toBe(true);
    expect(await catalog.findScheduleIntent(id)).toMatchObject({ settled: true });
  });

  test('keep both of two changes that come at once', async () => {
    const service = await registered(database.catalog);
    const { id } = await create(service);
    const other = await database.open(database.location);
    await Promise.all([
      ...Array.from({ length: 5 }, () =>
        database.catalog.changeSchedule(id, service.organization, { schedule: '1 1 * * *' }),
      ),
      ...Array.from({ length: 5 }, () => other.changeSchedule(id, service.organization, { suspended: true })),
    ]);
    const intent = await database.catalog.findScheduleIntent(id);
    expect(intent).toMatchObject({ revision: 11, record: { schedule: '1 1 * * *', suspended: true } });
  });

  test('are not found, listed, changed or run once they are deleted, and still have to be settled', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const made = await create(service);
    expect(await catalog.deleteSchedule(made.id, 'another')).toBe(false);
    expect(await catalog.deleteSchedule(made.id, service.organization)).toBe(true);
    expect(await catalog.deleteSchedule(made.id, service.organization)).toBe(false);
    expect(await catalog.findSchedule(made.id, service.organization)).toBeUndefined();
    expect(await catalog.listSchedules(service.organization, {}, page)).toEqual({ items: [], count: 0 });
    expect(await catalog.changeSchedule(made.id, service.organization, { suspended: true })).toBeUndefined();
    expect(await begin(made)).toEqual({ refused: 'deleted' });
    const listed = async (): Promise<boolean> =>
      (await catalog.listScheduleIntents()).some(({ record }) => record.id === made.id);
    expect(await listed()).toBe(true);
    const { revision = 0, deleted } = (await catalog.findScheduleIntent(made.id)) ?? {};
    expect(deleted).toBe(true);
    await catalog.settleSchedule(made.id, revision);
    expect(await listed()).toBe(false);
  });

  test('begin one backup for a run, however often it is asked, and tell its story', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const schedule = await create(service);
    const backupId = newBackupId(service);
    const begun = await begin(schedule, undefined, backupId);
    expect(await begin(schedule, undefined, backupId)).toEqual(begun);
    expect(begun).toMatchObject({ backup: { id: backupId, scheduleId: schedule.id, status: 'Scheduled' } });
    const places = (await catalog.listPlaces()).filter(({ serviceId }) => serviceId === service.serviceId);
    expect(places).toMatchObject([{ workflowId: `backup/${backupId}`, held: false }]);
    await catalog.updateBackup(backupId, { status: 'Running', message: 'Copying.' });
    await catalog.skipScheduledBackup(schedule.id, '2026-11-22T03:00:17Z');
    expect(await catalog.findSchedule(schedule.id, service.organization)).toMatchObject({
      status: 'Running',
      message: 'Copying.',
      backupId,
      skippedAt: '2026-11-22T03:00:17.000Z',
    });
    await catalog.updateBackup(backupId, { status: 'Succeeded', message: 'Done.' });
    const next = await begin(schedule);
    expect(next).toHaveProperty('backup');
    const now = await catalog.findSchedule(schedule.id, service.organization);
    expect(now?.status).toBe('Scheduled');
    expect(now).not.toHaveProperty('skippedAt');
  });

  test('take no backup while suspended or while the last one is taken, nor for a run that was due before the last one began', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const schedule = await create(service);
    const first = await begin(schedule, '2020-01-01T03:00:00Z');
    if ('refused' in first) throw new Error(`the run was refused: ${first.refused}`);
    expect(await begin(schedule, '2020-01-02T03:00:00Z')).toEqual({ refused: 'covered' });
    expect(await begin(schedule)).toEqual({ refused: 'running' });
    await catalog.updateBackup(first.backup.id, { status: 'Succeeded', message: 'Done.' });
    expect(await begin(schedule)).toHaveProperty('backup');
    await catalog.changeSchedule(schedule.id, service.organization, { suspended: true });
    expect(await begin(schedule)).toEqual({ refused: 'suspended' });
    expect(await catalog.skipScheduledBackup(schedule.id, '2026-11-22T03:00:17Z')).toBeUndefined();
  });

  test('are listed beside one-time ones, by service and type, with counts that agree', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const other = await registered(catalog, { organization: service.organization });
    const { schedule: once } = await orderBackup(catalog, service);
    const nightly = await create(service);
    const theirs = await create(other);
    const ids = async (filter: object): Promise<[number[], number]> => {
      const { items, count } = await catalog.listSchedules(service.organization, filter, page);
      return [items.map(({ id }) => id), count];
    };
    expect(await ids({})).toEqual([[theirs.id, nightly.id, once.id], 3]);
    expect(await ids({ serviceId: service.serviceId, type: 'full' })).toEqual([[nightly.id, once.id], 2]);
    expect(await ids({ type: 'dump' })).toEqual([[], 0]);
  });
});

describeOnBoth('one-time schedules', (database) => {
  test('are no intents, and cannot be changed', async () => {
    const service = await registered(database.catalog);
    const { schedule } = await orderBackup(database.catalog, service);
    expect(await database.catalog.findScheduleIntent(schedule.id)).toBeUndefined();
    const change = database.catalog.changeSchedule(schedule.id, service.organization, { suspended: true });
    expect(await change).toBeUndefined();
  });

  test('are deleted when their backup has ended, and not before', async () => {
    const service = await registered(database.catalog);
    const { schedule } = await orderBackup(database.catalog, service);
    await expect(database.catalog.deleteSchedule(schedule.id, service.organization)).rejects.toMatchObject({
      code: 'schedule_active',
    });
    const { scheduleId, id } = await finishedBackup(database.catalog, service);
    expect(await database.catalog.deleteSchedule(scheduleId, service.organization)).toBe(true);
    expect(await database.catalog.findBackup(id)).toBeDefined();
  });
});
