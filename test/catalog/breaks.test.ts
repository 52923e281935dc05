/** Breaks of archived binlogs: each is decided about once, and asks for one full however it is told of. */
import { expect, test } from '@jest/globals';
import type { BreakDecision } from '../../catalog/break-types.ts';
import type { BackupRecord, ServiceRecord } from '../../catalog/types.ts';
import type { HoleFacts } from '../../domain/archive/facts.ts';
import { reasonOf } from '../../domain/archive/breaks.ts';
import { fileName, gtidAt, report } from './archive-records.ts';
import { describeOnBoth } from './databases.ts';
import { newBackupId, orderBackup, registered } from './records.ts';

const line = '1'.repeat(32);
const ago = (seconds: number): string => new Date(Date.now() - seconds * 1000).toISOString();

function hole(number: number, foundAt = ago(10)): HoleFacts {
  const from = { file: fileName(number), position: 4, gtid: gtidAt(number, 4) };
  return {
    timeline: line,
    from,
    fromTime: ago(60),
    cause: 'purged',
    message: `It is gone ${number}.`,
    foundAt,
  };
}

describeOnBoth('breaks of archived binlogs', (database) => {
  const tell = async ({ serviceId }: ServiceRecord, holes: HoleFacts[], alarm = true): Promise<void> => {
    await database.catalog.recordArchive(serviceId, report(line, { holes }), { alarm });
  };
  const decide = async (service: ServiceRecord): Promise<BreakDecision> => {
    const backupId = newBackupId(service);
    const workflowId = (id: number): string => `backup/${backupId}/${id}`;
    return await database.catalog.decideBreaks(service, { backupId, message: reasonOf, workflowId });
  };
  const openOf = async ({ serviceId }: ServiceRecord): Promise<(string | undefined)[]> =>
    ((await database.catalog.openBreaks([serviceId])).get(serviceId) ?? []).map(({ backupId }) => backupId);
  const end = async ({ id }: BackupRecord): Promise<void> =>
    void (await database.catalog.updateBackup(id, { status: 'Failed', endedAt: ago(0) }));

  test('one full is ordered for those of a report, with its place and its label, however often they are told', async () => {
    const service = await registered(database.catalog);
    await tell(service, [hole(1), hole(2)]);
    expect(await database.catalog.servicesWithUndecidedBreaks()).toContain(service.serviceId);
    const { breaks, backup } = await decide(service);
    expect(breaks).toHaveLength(2);
    expect(backup).toMatchObject({
      type: 'full',
      status: 'Scheduled',
      message: 'Tidemark began it by itself (purged): It is gone 1.',
    });
    const schedule = await database.catalog.findSchedule(backup?.scheduleId ?? 0, service.organization);
    expect(schedule).toMatchObject({ schedule: 'once', labels: { origin: 'archive' } });
    const places = await database.catalog.listPlaces();
    expect(places.map(({ operation }) => operation)).toContain(`backup ${backup?.id}`);
    // Also once it has failed.
    await end(backup!);
    await tell(service, [hole(1), { ...hole(2), to: hole(3).from, toTime: ago(1) }]);
    expect(await decide(service)).toEqual({ breaks: [] });
    expect(await openOf(service)).toEqual([backup?.id, backup?.id]);
  });

  test('none is ordered where one is to begin, or began after it was found; where one runs since before, it is', async () => {
    const service = await registered(database.catalog);
    const { backup: waiting } = await orderBackup(database.catalog, service);
    await tell(service, [hole(1)]);
    expect((await decide(service)).backup).toBeUndefined();
    expect(await openOf(service)).toEqual([waiting.id]);
    await database.catalog.updateBackup(waiting.id, { status: 'Running', startedAt: ago(5) });
    await tell(service, [hole(2, ago(8))]);
    expect((await decide(service)).backup).toBeUndefined();
    await tell(service, [hole(3, ago(2))]);
    expect((await decide(service)).backup).toMatchObject({ status: 'Scheduled' });
  });

  test('it makes way for a restore, as what nobody ordered does', async () => {
    const service = await registered(database.catalog);
    const { backup: ordered } = await orderBackup(database.catalog, service);
    await end(ordered);
    await tell(service, [hole(1)]);
    const { backup } = await decide(service);
    expect((await database.catalog.findYielding(service.serviceId)).map(({ id }) => id)).toEqual([
      backup?.id,
    ]);
    const order = { backupId: backup!.id, restoreId: 7, note: [], againId: newBackupId(service) };
    expect(await database.catalog.yieldBackup(order)).toMatchObject({ type: 'full', status: 'Scheduled' });
  });

  test('where none is to be taken they stay open, until a full has succeeded that began afterwards', async () => {
    const service = await registered(database.catalog);
    await tell(service, [hole(1)]);
    expect((await database.catalog.decideBreaks(service)).breaks).toHaveLength(1);
    expect(await database.catalog.servicesWithUndecidedBreaks()).not.toContain(service.serviceId);
    await database.catalog.endBreaks(service.serviceId, ago(15));
    expect(await openOf(service)).toEqual([undefined]);
    await database.catalog.endBreaks(service.serviceId, ago(5));
    expect(await openOf(service)).toEqual([]);
  });

  test('what is old news is none', async () => {
    const service = await registered(database.catalog);
    await tell(service, [hole(1)], false);
    await tell(service, [hole(1)]);
    expect(await decide(service)).toEqual({ breaks: [] });
    expect(await database.catalog.countHoles([service.serviceId])).toEqual(new Map([[service.serviceId, 1]]));
  });

  test('the newest instant of a service is that of what succeeded', async () => {
    const service = await registered(database.catalog);
    const { serviceId } = service;
    expect((await database.catalog.newestPoints([serviceId])).size).toBe(0);
    for (const [seconds, status] of [
      [50, 'Succeeded'],
      [20, 'Succeeded'],
      [5, 'Failed'],
    ] as const) {
      const { backup } = await orderBackup(database.catalog, service);
      await database.catalog.updateBackup(backup.id, { status, pointInTime: ago(seconds) });
    }
    const newest = (await database.catalog.newestPoints([serviceId])).get(serviceId) ?? '';
    const age = (Date.now() - Date.parse(newest)) / 1000;
    expect(age >= 20 && age < 50).toBe(true);
  });
});
