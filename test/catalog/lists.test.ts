import { expect, test } from '@jest/globals';
import type { BackupFilter, BackupRecord, PageRequest } from '../../catalog/types.ts';
import { describeOnBoth } from './databases.ts';
import { finishedBackup, newService, orderBackup, orderRestore, registered } from './records.ts';

const all: PageRequest = { page: 1, pageSize: 1000, order: 'asc' };

describeOnBoth('lists', (database) => {
  test('walking through the pages meets every backup once, in one order, also within one millisecond', async () => {
    const service = await registered(database.catalog);
    const made = await Promise.all(
      Array.from({ length: 23 }, async () => (await orderBackup(database.catalog, service)).backup),
    );
    for (const order of ['asc', 'desc'] as const) {
      const walked: BackupRecord[] = [];
      for (let page = 1; page <= 5; page += 1) {
        const { items, count } = await database.catalog.listBackups(
          service.organization,
          {},
          { page, pageSize: 5, order },
        );
        expect(count).toBe(23);
        walked.push(...items);
      }
      const expected = made.toSorted((a, b) => compare(key(a), key(b)) * (order === 'asc' ? 1 : -1));
      expect(walked).toEqual(expected);
    }
  });

  test('a page behind the end is empty and still counts, however far it is', async () => {
    const service = await registered(database.catalog);
    const backup = await finishedBackup(database.catalog, service);
    await orderRestore(database.catalog, service, backup);
    for (const page of [2, 1e12, Number.MAX_SAFE_INTEGER]) {
      const far: PageRequest = { page, pageSize: 10_000, order: 'desc' };
      const none = { items: [], count: 1 };
      expect(await database.catalog.listBackups(service.organization, {}, far)).toEqual(none);
      expect(await database.catalog.listRestores(service.organization, {}, far)).toEqual(none);
      expect(await database.catalog.listServices(service.organization, far)).toEqual(none);
    }
  });

  test('filters narrow the items and the count alike', async () => {
    const one = await registered(database.catalog);
    const two = await registered(database.catalog, { organization: one.organization });
    const stranger = await registered(database.catalog);
    const done = await finishedBackup(database.catalog, one);
    const { backup: waiting } = await orderBackup(database.catalog, one);
    const { backup: other } = await orderBackup(database.catalog, two);
    await orderBackup(database.catalog, stranger);
    const find = async (filter: BackupFilter): Promise<Set<string>> => {
      const { items, count } = await database.catalog.listBackups(one.organization, filter, all);
      expect(count).toBe(items.length);
      return new Set(items.map(({ id }) => id));
    };
    expect(await find({})).toEqual(new Set([done.id, waiting.id, other.id]));
    expect(await find({ serviceId: one.serviceId })).toEqual(new Set([done.id, waiting.id]));
    expect(await find({ status: 'Scheduled' })).toEqual(new Set([waiting.id, other.id]));
    expect(await find({ type: 'full', serviceId: two.serviceId })).toEqual(new Set([other.id]));
    expect(await find({ type: 'dump' })).toEqual(new Set());
    expect(await find({ status: 'Succeeded', serviceId: two.serviceId })).toEqual(new Set());
    expect(await find({ serviceId: stranger.serviceId })).toEqual(new Set());
    expect(await find({ serviceId: 'unknown' })).toEqual(new Set());
  });

  test('restores are listed by service and status', async () => {
    const service = await registered(database.catalog);
    const backup = await finishedBackup(database.catalog, service);
    const first = await orderRestore(database.catalog, service, backup);
    await database.catalog.updateRestore(first.id, { status: 'Failed' });
    for (const { workflowId, serviceId } of await database.catalog.listPlaces()) {
      if (serviceId === service.serviceId) await database.catalog.releasePlace(workflowId);
    }
    const second = await orderRestore(database.catalog, service, backup);
    const { organization, serviceId } = service;
    const ids = async (filter: Parameters<typeof database.catalog.listRestores>[1]): Promise<number[]> =>
      (await database.catalog.listRestores(organization, filter, all)).items.map(({ id }) => id);
    expect(await ids({})).toEqual([first.id, second.id]);
    expect(await ids({ serviceId, status: 'Failed' })).toEqual([first.id]);
    expect(await ids({ status: 'Scheduled' })).toEqual([second.id]);
    expect(await ids({ serviceId: 'unknown' })).toEqual([]);
    expect((await database.catalog.listRestores('others', {}, all)).count).toBe(0);
  });

  test('created_before leaves out what came at that instant or later, whatever form the time has', async () => {
    const organization = newService().organization;
    const times = ['2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.500Z', '2026-01-01T00:00:01.000Z'];
    for (const registeredAt of times) await registered(database.catalog, { organization, registeredAt });
    const before = async (createdBefore: string): Promise<string[]> => {
      const { items, count } = await database.catalog.listServices(organization, { ...all, createdBefore });
      expect(count).toBe(items.length);
      return items.map(({ registeredAt }) => registeredAt);
    };
    expect(await before('2026-01-01T00:00:00Z')).toEqual([]);
    expect(await before('2026-01-01T00:00:00.001Z')).toEqual(times.slice(0, 1));
    expect(await before('2026-01-01T00:00:01Z')).toEqual(times.slice(0, 2));
    expect(await before('2026-01-01T02:00:01.001+02:00')).toEqual(times);
    await expect(before('soon')).rejects.toMatchObject({ code: 'invalid_request' });
  });

  test('created_before freezes a walk while new backups arrive', async () => {
    const service = await registered(database.catalog);
    for (let made = 0; made < 6; made += 1) await orderBackup(database.catalog, service);
    const createdBefore = new Date(Date.now() + 1).toISOString();
    // The clock has to pass the instant, or what comes next would be before it.
    while (new Date().toISOString() <= createdBefore) await database.catalog.ping();
    const read = async (page: number): Promise<string[]> => {
      const request: PageRequest = { page, pageSize: 3, order: 'desc', createdBefore };
      return (await database.catalog.listBackups(service.organization, {}, request)).items.map(
        ({ id }) => id,
      );
    };
    const first = await read(1);
    await orderBackup(database.catalog, service);
    expect(await read(1)).toEqual(first);
    expect(new Set([...first, ...(await read(2))]).size).toBe(6);
    expect(await read(3)).toEqual([]);
  });
});

/** Orders as the bytes do. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function key(backup: BackupRecord): string {
  return `${backup.createdAt} ${backup.id}`;
}
