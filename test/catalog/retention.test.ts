import { expect, test } from '@jest/globals';
import type { Catalog } from '../../catalog/types.ts';
import { judge } from '../../domain/retention.ts';
import type { RetentionFacts, Verdict } from '../../domain/retention/facts.ts';
import { describeOnBoth } from './databases.ts';
import { finishedBackup, newService, orderBackup, orderRestore, registered } from './records.ts';

const page = { page: 1, pageSize: 50, order: 'asc' } as const;
const day = 86_400_000;

/** All that has ended goes, but for what the policy keeps whatever the days: as if a month had passed. */
function inAMonth(facts: RetentionFacts): Verdict[] {
  return judge(facts, { days: 7 }, { now: Date.now() + 30 * day, graceMs: 0 });
}

describeOnBoth('retention', (database) => {
  test('a removal takes the backup out of lists and lookups at once, and is known until it is finished', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const old = await finishedBackup(catalog, service);
    const newest = await finishedBackup(catalog, service);

    const [removal, ...others] = await catalog.beginRemovals(service.serviceId, inAMonth);
    expect(others).toEqual([]);
    expect(removal).toMatchObject({
      backupId: old.id,
      serviceId: service.serviceId,
      organization: service.organization,
      whole: true,
      reason: expect.stringContaining('It expired at ') as unknown,
    });
    expect(await catalog.findBackup(old.id)).toBeUndefined();
    const listed = await catalog.listBackups(service.organization, {}, page);
    expect([listed.count, listed.items.map(({ id }) => id)]).toEqual([1, [newest.id]]);
    expect(await removalsOf(catalog, service.serviceId)).toEqual([removal]);
    expect(await catalog.beginRemovals(service.serviceId, inAMonth)).toEqual([]);

    await catalog.finishRemoval(old.id);
    await catalog.finishRemoval(old.id);
    expect(await removalsOf(catalog, service.serviceId)).toEqual([]);
    expect(await catalog.findSchedule(old.scheduleId, service.organization)).toBeUndefined();
    expect(await catalog.findSchedule(newest.scheduleId, service.organization)).toBeDefined();
  });

  test('what the audit is to say of a removal is there with its end, once, or neither is', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const old = await finishedBackup(catalog, service);
    await finishedBackup(catalog, service);
    await catalog.beginRemovals(service.serviceId, inAMonth);
    const ids = { serviceIds: [service.serviceId], recordIds: [old.id] };
    const { organization } = service;
    const entry = {
      ...{ organization, operation: 'deleteBackup', method: 'DELETE', path: '/', subject: 'tidemark' },
      ...{ how: 'deployment' as const, address: '', requestId: '', ...ids },
    };
    const end = { outcome: 'refused' as const, status: 403, error: 'storage_forbidden', ...ids };
    const audit = async (): Promise<unknown[]> => (await catalog.listAudit(organization, {}, page)).items;
    const broken = { ...end, recordIds: [1n as unknown as string] };
    await expect(catalog.finishRemoval(old.id, { entry, end: broken })).rejects.toThrow();
    expect(await removalsOf(catalog, service.serviceId)).toMatchObject([{ backupId: old.id }]);
    expect(await audit()).toEqual([]);
    expect(await catalog.finishRemoval(old.id, { entry, end })).toBe(true);
    expect(await catalog.finishRemoval(old.id, { entry, end })).toBe(false);
    expect(await removalsOf(catalog, service.serviceId)).toEqual([]);
    expect(await audit()).toMatchObject([{ ...entry, ...end }]);
  });

  test('a backup that a restore is to use stays, and goes when the restore is over', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const target = await registered(catalog, { organization: service.organization });
    const old = await finishedBackup(catalog, service);
    await finishedBackup(catalog, service);
    const restore = await orderRestore(catalog, target, old);

    const { pins } = await catalog.retentionFacts(service.serviceId);
    expect(pins.get(old.id)).toBe(`Restore ${restore.id}, which is Scheduled, needs it.`);
    expect(await catalog.beginRemovals(service.serviceId, inAMonth)).toEqual([]);
    await catalog.updateRestore(restore.id, { status: 'Succeeded' });
    expect(await catalog.beginRemovals(service.serviceId, inAMonth)).toMatchObject([{ backupId: old.id }]);
  });

  test('no restore can be ordered of a backup that is being removed', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const old = await finishedBackup(catalog, service);
    await finishedBackup(catalog, service);
    await catalog.beginRemovals(service.serviceId, inAMonth);
    await expect(orderRestore(catalog, service, old)).rejects.toMatchObject({
      code: 'backup_not_found',
      message: expect.stringContaining('it was removed meanwhile') as unknown,
    });
    expect((await catalog.listPlaces()).filter(({ serviceId }) => serviceId === service.serviceId)).toEqual(
      [],
    );
  });

  test('of a restore and a removal at once exactly one comes about, from whatever process', async () => {
    const { catalog } = database;
    const other = await database.open(database.location);
    for (let round = 0; round < 20; round += 1) {
      const service = await registered(catalog);
      const target = await registered(catalog, { organization: service.organization });
      const old = await finishedBackup(catalog, service);
      await finishedBackup(catalog, service);
      const [restored, removed] = await Promise.allSettled([
        orderRestore(catalog, target, old),
        other.beginRemovals(service.serviceId, inAMonth),
      ]);
      const removals = removed.status === 'fulfilled' ? removed.value.length : -1;
      expect([restored.status, removals]).toEqual(
        restored.status === 'fulfilled' ? ['fulfilled', 0] : ['rejected', 1],
      );
      expect((await catalog.findBackup(old.id)) !== undefined).toBe(restored.status === 'fulfilled');
    }
  });

  test('two restores across two services and both removals at once do not wait for each other for ever', async () => {
    const { catalog } = database;
    const organization = newService().organization;
    const [left, right] = [
      await registered(catalog, { organization }),
      await registered(catalog, { organization }),
    ];
    const backups = [await finishedBackup(catalog, left), await finishedBackup(catalog, right)];
    const [ofLeft, ofRight] = backups;
    if (!ofLeft || !ofRight) throw new Error('there are two');
    const outcomes = await Promise.allSettled([
      orderRestore(catalog, left, ofRight),
      orderRestore(catalog, right, ofLeft),
      catalog.beginRemovals(left.serviceId, inAMonth),
      catalog.beginRemovals(right.serviceId, inAMonth),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(Array(4).fill('fulfilled'));
  });

  test('two sweeps at once remove a backup once', async () => {
    const { catalog } = database;
    const other = await database.open(database.location);
    const service = await registered(catalog);
    for (let count = 0; count < 5; count += 1) await finishedBackup(catalog, service);
    const both = await Promise.all(
      [catalog, other].map(async (one) => one.beginRemovals(service.serviceId, inAMonth)),
    );
    expect(both.map(({ length }) => length).toSorted()).toEqual([0, 4]);
  });

  test('what is judged is what was recorded, of this service alone', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    await finishedBackup(catalog, await registered(catalog, { organization: service.organization }));
    const { backup } = await orderBackup(catalog, service);
    const { candidates } = await catalog.retentionFacts(service.serviceId);
    expect(candidates).toEqual([
      {
        id: backup.id,
        type: 'full',
        status: 'Scheduled',
        createdAt: backup.createdAt,
        dependsOn: [],
        storedBytes: 0,
      },
    ]);
    expect(await catalog.retentionFacts('nobody')).toMatchObject({ candidates: [] });
  });

  test('a failed backup goes as a record alone', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const { backup } = await orderBackup(catalog, service);
    await catalog.updateBackup(backup.id, { status: 'Failed', message: 'It failed.' });
    expect(await catalog.beginRemovals(service.serviceId, inAMonth)).toMatchObject([
      { backupId: backup.id, whole: false },
    ]);
  });

  test('since when a backup is due is the earliest that was said, and never later than said now', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const { id } = await finishedBackup(catalog, service);
    const dueSince = async (): Promise<string | undefined> =>
      (await catalog.retentionFacts(service.serviceId)).candidates[0]?.dueSince;

    await catalog.markDue(service.serviceId, [id], '2026-03-02T00:00:00.000Z');
    await catalog.markDue(service.serviceId, [id], '2026-03-03T00:00:00.000Z');
    expect(await dueSince()).toBe('2026-03-02T00:00:00.000Z');
    await catalog.markDue(service.serviceId, [id], '2026-03-01T00:00:00.000Z');
    expect(await dueSince()).toBe('2026-03-01T00:00:00.000Z');
    await catalog.markDue(service.serviceId, [], '2026-03-04T00:00:00.000Z');
    expect(await dueSince()).toBeUndefined();
  });

  test('whether anything may have expired is known without reading backups', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const before = '2026-01-01T00:00:00.000Z';
    const backup = await finishedBackup(catalog, service);
    expect(await catalog.mayHaveExpired(service, before)).toBe(false);
    expect(await catalog.mayHaveExpired(service, new Date(Date.now() + day).toISOString())).toBe(true);
    // A mark has to be looked at even when the policy would not reach the backup any more.
    await catalog.markDue(service.serviceId, [backup.id], before);
    expect(await catalog.mayHaveExpired(service, before)).toBe(true);
  });

  test('all services are walked in pages', async () => {
    const { catalog } = database;
    const made = [await registered(catalog), await registered(catalog), await registered(catalog)];
    const seen: string[] = [];
    for (let after = ''; ;) {
      const services = await catalog.serviceIdsAfter(after, 2);
      const last = services.at(-1);
      if (!last) break;
      seen.push(...services.map(({ serviceId }) => serviceId));
      after = last.serviceId;
    }
    expect(seen).toEqual([...new Set(seen)].toSorted());
    expect(seen).toEqual(expect.arrayContaining(made.map(({ serviceId }) => serviceId)));
  });
});

describeOnBoth('settings of services', (database) => {
  test('only what is set is there, and a default takes it away again', async () => {
    const { catalog } = database;
    const { serviceId } = await registered(catalog);
    const other = await registered(catalog);
    expect(await catalog.findServiceSettings([serviceId])).toEqual(new Map());
    expect(await catalog.updateServiceSettings(serviceId, { retention: { days: 30 } })).toEqual({
      retention: { days: 30 },
    });
    expect(await catalog.findServiceSettings([serviceId, other.serviceId, 'nobody'])).toEqual(
      new Map([[serviceId, { retention: { days: 30 } }]]),
    );
    await catalog.updateServiceSettings(serviceId, {});
    expect((await catalog.findServiceSettings([serviceId])).get(serviceId)).toEqual({
      retention: { days: 30 },
    });
    expect(await catalog.updateServiceSettings(serviceId, { retention: 'default' })).toEqual({});
    expect(await catalog.findServiceSettings([])).toEqual(new Map());
  });

  test('a service that is unknown has none to change', async () => {
    await expect(
      database.catalog.updateServiceSettings('nobody', { retention: { days: 1 } }),
    ).rejects.toMatchObject({ code: 'service_not_found' });
  });
});

async function removalsOf(catalog: Catalog, serviceId: string): Promise<unknown[]> {
  return (await catalog.listRemovals()).filter((removal) => removal.serviceId === serviceId);
}
