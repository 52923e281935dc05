import { expect, test } from '@jest/globals';
import { describeOnBoth } from './databases.ts';
import { finishedBackup, newService, orderBackup, orderRestore, registered } from './records.ts';

const all = { page: 1, pageSize: 1000, order: 'asc' } as const;

/** Asks for a page again and again while the work goes on; a page that holds all has to be as long as its count. */
async function compareWhile(
  work: () => Promise<unknown>,
  list: () => Promise<{ items: unknown[]; count: number }>,
): Promise<[number, number][]> {
  let working = true;
  const done = work().finally(() => (working = false));
  const seen: [number, number][] = [];
  while (working) {
    const { items, count } = await list();
    seen.push([items.length, count]);
  }
  await done;
  return seen;
}

describeOnBoth('a page and its count are of one moment while others write', (database) => {
  test.each(['backups', 'schedules', 'services', 'restores', 'audit'] as const)('%s', async (kind) => {
    const { catalog } = database;
    const writer = await database.open(database.location);
    const service = newService({ organization: `org-of-${kind}` });
    const { organization } = service;
    await catalog.upsertService(service);
    const backup = await finishedBackup(catalog, service);
    const write = {
      backups: async () => await orderBackup(writer, service),
      schedules: async () => await orderBackup(writer, service),
      services: async () => await registered(writer, { organization }),
      restores: async () => {
        const target = await registered(writer, { organization });
        await orderRestore(writer, target, backup);
      },
      audit: async () =>
        await writer.addAuditEntry({
          organization,
          operation: 'createRestore',
          method: 'POST',
          path: '/',
          subject: 'alice',
          how: 'jwt',
          address: '',
          requestId: '',
          serviceIds: [],
          recordIds: [],
        }),
    }[kind];
    const list = {
      backups: async () => await catalog.listBackups(organization, {}, all),
      schedules: async () => await catalog.listSchedules(organization, {}, all),
      services: async () => await catalog.listServices(organization, all),
      restores: async () => await catalog.listRestores(organization, {}, all),
      audit: async () => await catalog.listAudit(organization, {}, all),
    }[kind];
    const seen = await compareWhile(async () => {
      for (let count = 0; count < 60; count += 1) await write();
    }, list);
    expect(seen.filter(([length, count]) => length !== count)).toEqual([]);
    // Nothing would be shown by lists that all came before or after the writing.
    expect(new Set(seen.map(([, count]) => count)).size).toBeGreaterThan(10);
  });
});
