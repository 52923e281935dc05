/** Backups that Tidemark began by itself make way for a restore, and are written down again. */
import { expect, test } from '@jest/globals';
import type { BackupRecord, Catalog, PlaceRecord, ServiceRecord } from '../../catalog/types.ts';
import { workflowIds } from '../../domain/ids.ts';
import { describeOnBoth } from './databases.ts';
import { finishedBackup, newBackupId, orderBackup, orderRestore, registered } from './records.ts';

describeOnBoth('backups that make way', (database) => {
  const nightlyOrder = (service: ServiceRecord): Parameters<Catalog['giveNightly']>[0] => ({
    service,
    schedule: '17 3 * * *',
    offsetSeconds: () => 0,
  });

  /** A run of the service's nightly schedule, which waits for its turn. */
  async function beginNightly(
    service: ServiceRecord,
  ): Promise<{ backup: BackupRecord; workflowId: string; operation: string }> {
    const { catalog } = database;
    await catalog.giveNightly(nightlyOrder(service));
    const scheduleId = await nightlyId(service);
    const id = newBackupId(service);
    const workflowId = workflowIds.backup(id, scheduleId);
    const begun = await catalog.beginScheduledBackup({
      scheduleId,
      dueAt: new Date().toISOString(),
      backupId: () => id,
      workflowId: () => workflowId,
    });
    if ('refused' in begun) throw new Error(`the run was refused: ${begun.refused}`);
    return { backup: begun.backup, workflowId, operation: `backup ${id}` };
  }

  async function nightlyId({ serviceId }: ServiceRecord): Promise<number> {
    const given = (await database.catalog.findNightlies([serviceId])).get(serviceId);
    return given?.schedule?.id ?? 0;
  }

  async function placesOf({ serviceId }: ServiceRecord): Promise<PlaceRecord[]> {
    return (await database.catalog.listPlaces()).filter((place) => place.serviceId === serviceId);
  }

  async function running(service: ServiceRecord): Promise<Awaited<ReturnType<typeof beginNightly>>> {
    const nightly = await beginNightly(service);
    const { workflowId, operation } = nightly;
    await database.catalog.takePlace({ serviceId: service.serviceId, workflowId, operation });
    await database.catalog.updateBackup(nightly.backup.id, { status: 'Running', message: 'Copying.' });
    return nightly;
  }

  test('a restore comes next after a nightly one that runs, and takes the service when it has ended', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const { serviceId } = service;
    const backup = await finishedBackup(catalog, service);
    const nightly = await running(service);
    expect(await catalog.findYielding(serviceId)).toMatchObject([{ id: nightly.backup.id }]);
    const restore = await orderRestore(catalog, service, backup);
    const later = await orderBackup(catalog, service);
    const operation = `restore ${restore.id}`;
    const ask = { serviceId, workflowId: restore.workflowId, operation };
    expect(await catalog.takePlace(ask)).toMatchObject({ workflowId: nightly.workflowId, held: true });
    await catalog.releasePlace(nightly.workflowId);
    expect(await catalog.takePlace(ask)).toBeUndefined();
    expect(await placesOf(service)).toMatchObject([
      { operation, held: true },
      { workflowId: later.workflowId, held: false },
    ]);
  });

  test('the undo of a restore comes next, too', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const { serviceId } = service;
    const restore = await orderRestore(catalog, service, await finishedBackup(catalog, service));
    await catalog.updateRestore(restore.id, { status: 'Succeeded' });
    await catalog.releasePlace(restore.workflowId);
    const nightly = await running(service);
    const undo = { restoreId: restore.id, workflowId: `undo/${restore.id}/a`, force: false };
    await catalog.createUndo({ ...undo, serviceId, message: 'The undo is scheduled.' });
    expect(await placesOf(service)).toMatchObject([
      { workflowId: nightly.workflowId, held: true },
      { workflowId: undo.workflowId, operation: `undo of restore ${restore.id}`, held: false },
    ]);
  });

  test('a restore has the service at once when the nightly one only waits, which goes behind it', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const backup = await finishedBackup(catalog, service);
    const nightly = await beginNightly(service);
    const restore = await orderRestore(catalog, service, backup);
    expect(await placesOf(service)).toMatchObject([
      { workflowId: restore.workflowId, held: true },
      { workflowId: nightly.workflowId, operation: nightly.operation, held: false },
    ]);
  });

  test('any other backup refuses the restore, also one that waits behind the nightly one', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const backup = await finishedBackup(catalog, service);
    const nightly = await running(service);
    const ordered = await orderBackup(catalog, service);
    await expect(orderRestore(catalog, service, backup)).rejects.toMatchObject({
      code: 'service_busy',
      message: expect.stringContaining(`backup ${ordered.backup.id}`) as unknown,
    });
    await catalog.releasePlace(ordered.workflowId);
    await orderRestore(catalog, service, backup);
    await expect(orderRestore(catalog, service, backup)).rejects.toMatchObject({ code: 'service_busy' });
    expect((await catalog.findYielding(service.serviceId)).map(({ id }) => id)).toEqual([nightly.backup.id]);
  });

  test('one that made way is Cancelled, says why, and is written down again once, behind the restore', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const { organization, serviceId } = service;
    const backup = await finishedBackup(catalog, service);
    const nightly = await running(service);
    const restore = await orderRestore(catalog, service, backup);
    const order = {
      backupId: nightly.backup.id,
      restoreId: restore.id,
      note: ['Its host is tidied up later.'],
      againId: newBackupId(service),
    };
    const again = await catalog.yieldBackup(order);
    expect(again).toMatchObject({ id: order.againId, status: 'Scheduled', type: 'full' });
    expect(await catalog.yieldBackup(order)).toEqual(again);
    const ended = await catalog.findBackup(nightly.backup.id);
    expect(ended).toMatchObject({
      status: 'Cancelled',
      message:
        `It was cancelled, because restore ${restore.id} needs the service for itself. It is taken again when ` +
        `that restore has ended, as backup ${order.againId}. Its host is tidied up later.`,
    });
    expect(ended?.endedAt).toBeDefined();
    const scheduleId = await nightlyId(service);
    expect(await catalog.findSchedule(scheduleId, organization)).toMatchObject({
      status: 'Scheduled',
      backupId: order.againId,
      message: `It is taken in place of backup ${nightly.backup.id}, which made way for restore ${restore.id}.`,
    });
    await catalog.releasePlace(nightly.workflowId);
    expect((await placesOf(service)).map(({ operation }) => operation)).toEqual([
      `restore ${restore.id}`,
      `backup ${order.againId}`,
    ]);
    const page = { page: 1, pageSize: 50, order: 'asc' } as const;
    expect((await catalog.listBackups(organization, { serviceId }, page)).count).toBe(3);
  });

  test('the next night is skipped while the one that is taken again has not ended', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const nightly = await running(service);
    const againId = newBackupId(service);
    await catalog.yieldBackup({ backupId: nightly.backup.id, restoreId: 1, note: [], againId });
    const scheduleId = await nightlyId(service);
    const dueAt = new Date(Date.now() + 86_400_000).toISOString();
    const next = {
      scheduleId,
      dueAt,
      backupId: () => newBackupId(service),
      workflowId: (id: string) => workflowIds.backup(id, scheduleId),
    };
    expect(await catalog.beginScheduledBackup(next)).toEqual({ refused: 'running' });
    expect(await catalog.findSchedule(scheduleId, service.organization)).toMatchObject({ skippedAt: dueAt });
    await catalog.updateBackup(againId, { status: 'Succeeded', message: 'Done.' });
    expect(await catalog.beginScheduledBackup(next)).toMatchObject({ backup: { status: 'Scheduled' } });
  });

  test.each([
    ['suspended', 'It is not taken again, because its schedule is suspended.'],
    ['deleted', 'It is not taken again, because its schedule was deleted.'],
  ])('none is taken again when its schedule was %s meanwhile', async (what, sentence) => {
    const { catalog } = database;
    const service = await registered(catalog);
    const nightly = await running(service);
    const scheduleId = await nightlyId(service);
    if (what === 'deleted') await catalog.deleteSchedule(scheduleId, service.organization);
    else await catalog.changeSchedule(scheduleId, service.organization, { suspended: true });
    const order = { backupId: nightly.backup.id, restoreId: 1, note: [], againId: newBackupId(service) };
    expect(await catalog.yieldBackup(order)).toBeUndefined();
    const ended = await catalog.findBackup(nightly.backup.id);
    expect(ended).toMatchObject({
      status: 'Cancelled',
      message: expect.stringContaining(sentence) as unknown,
    });
    expect(await catalog.findBackup(order.againId)).toBeUndefined();
  });

  test('one that has succeeded in the last moment stays what it is', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const nightly = await running(service);
    await catalog.updateBackup(nightly.backup.id, { status: 'Succeeded', message: 'Done.' });
    const order = { backupId: nightly.backup.id, restoreId: 1, note: [], againId: newBackupId(service) };
    expect(await catalog.yieldBackup(order)).toBeUndefined();
    expect(await catalog.findBackup(nightly.backup.id)).toMatchObject({ status: 'Succeeded' });
    expect(await catalog.findBackup(order.againId)).toBeUndefined();
  });
});
