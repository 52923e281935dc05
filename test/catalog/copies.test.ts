/** Copies in the catalog: what is missing, in which order, and what becomes of them when their backup goes. */
import { expect, test } from '@jest/globals';
import { newBackupId, finishedBackup, orderBackup, registered } from './records.ts';
import { describeOnBoth } from './databases.ts';

const google = 'gs://elsewhere/copies';
const directory = 'file:///mnt/copies';

describeOnBoth('copies', (database) => {
  test('are ordered of what succeeded and lies in the managed storage, once', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const good = await finishedBackup(catalog, service);
    const { backup: running } = await orderBackup(catalog, service);
    const bucketed = newBackupId(service);
    await catalog.createOneTimeBackup({
      organization: service.organization,
      service,
      type: 'full',
      backupId: bucketed,
      message: 'Ordered.',
      workflowId: () => `backup/${bucketed}`,
      bucket: { id: bucketed, location: 's3://theirs', sealed: 'x' },
    });
    await catalog.updateBackup(bucketed, { status: 'Succeeded' });
    const other = await registered(catalog);
    await finishedBackup(catalog, other);

    const order = { services: [service], location: google };
    expect(await catalog.orderCopies(order)).toBe(1);
    expect(await catalog.orderCopies(order)).toBe(0);
    const found = await catalog.findCopies([good.id, running.id, bucketed]);
    expect([...found.keys()]).toEqual([good.id]);
    expect(found.get(good.id)).toEqual([
      {
        backupId: good.id,
        location: google,
        status: 'Scheduled',
        message: 'The copy is scheduled.',
        attempts: 0,
        createdAt: expect.any(String),
        updatedAt: expect.any(String),
      },
    ]);
    await catalog.updateBackup(running.id, { status: 'Succeeded' });
    expect(await catalog.orderCopies({ ...order, services: [service, other], backupId: running.id })).toBe(1);
    expect(await catalog.orderCopies({ ...order, services: [service, other] })).toBe(1);
  });

  test('are missing until they have succeeded, the oldest backup first, and one that failed when it is due', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const first = await finishedBackup(catalog, service);
    await new Promise((resolve) => setTimeout(resolve, 5));
    const second = await finishedBackup(catalog, service);
    for (const location of [google, directory]) await catalog.orderCopies({ services: [service], location });
    const missing = async (locations = [google, directory], limit = 1000): Promise<unknown[]> =>
      (await catalog.missingCopies(locations, limit)).filter(
        ({ serviceId }) => serviceId === service.serviceId,
      );
    const { serviceId } = service;
    const both = [directory, google];
    expect(await missing()).toEqual([
      { backupId: first.id, serviceId, locations: both },
      { backupId: second.id, serviceId, locations: both },
    ]);
    expect(await missing([])).toEqual([]);
    expect(await catalog.updateCopy(first.id, google, { status: 'Succeeded', message: 'Done.' })).toBe(true);
    const failed = (dueAt: string): Promise<boolean> =>
      catalog.updateCopy(second.id, google, { status: 'Failed', message: 'Away.', dueAt });
    await failed('2999-01-01T00:00:00Z');
    expect(await missing([google])).toEqual([]);
    await failed('2026-01-01T00:00:00Z');
    expect(await missing([google])).toEqual([{ backupId: second.id, serviceId, locations: [google] }]);
    const [copy] = (await catalog.findCopies([second.id])).get(second.id)?.slice(1) ?? [];
    expect(copy).toMatchObject({ location: google, status: 'Failed', message: 'Away.', attempts: 2 });
    await catalog.updateCopy(second.id, google, { status: 'Succeeded', message: 'Done.' });
    const [, done] = (await catalog.findCopies([second.id])).get(second.id) ?? [];
    expect(done).toMatchObject({
      status: 'Succeeded',
      attempts: 0,
      finishedAt: expect.any(String) as unknown,
    });
  });

  test('are counted, and forgotten only while they have not succeeded', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const location = `gs://counted-${service.serviceId}`;
    const backups = [await finishedBackup(catalog, service), await finishedBackup(catalog, service)];
    await catalog.orderCopies({ services: [service], location });
    const [one, two] = backups.map(({ id }) => id) as [string, string];
    await catalog.updateCopy(one, location, { status: 'Succeeded' });
    await catalog.updateCopy(two, location, { status: 'Failed' });
    const counts = (await catalog.countMissingCopies()).filter((entry) => entry.location === location);
    expect(counts).toEqual([{ location, status: 'Failed', count: 1 }]);
    await catalog.forgetCopy(one, location);
    await catalog.forgetCopy(two, location);
    expect([...(await catalog.findCopies([one, two])).keys()]).toEqual([one]);
    expect(await catalog.updateCopy(two, location, { status: 'Running' })).toBe(false);
  });

  test('leave the catalog with their backup, and the removal remembers where they lie', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const { id } = await finishedBackup(catalog, service);
    for (const location of [google, directory]) await catalog.orderCopies({ services: [service], location });
    await catalog.updateCopy(id, google, { status: 'Succeeded' });
    const verdict = { id, keep: false, reason: 'It has expired.' };
    const [removal] = await catalog.beginRemovals(service.serviceId, ({ candidates }) =>
      candidates.map((candidate) => ({ ...candidate, ...verdict })),
    );
    expect(removal?.copies.toSorted()).toEqual([directory, google]);
    expect((await catalog.findCopies([id])).size).toBe(0);
    expect(await catalog.updateCopy(id, google, { status: 'Running' })).toBe(false);
    await catalog.updateRemoval(id, [directory]);
    const left = (await catalog.listRemovals()).find(({ backupId }) => backupId === id);
    expect(left?.copies).toEqual([directory]);
    await catalog.finishRemoval(id);
  });
});
