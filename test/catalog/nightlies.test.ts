import { expect, test } from '@jest/globals';
import type { NightlyOrder } from '../../catalog/retention-types.ts';
import type { ServiceRecord } from '../../catalog/types.ts';
import { describeOnBoth } from './databases.ts';
import { registered } from './records.ts';

function order(service: ServiceRecord, schedule = '17 3 * * *'): NightlyOrder {
  return { service, schedule, offsetSeconds: (id) => id % 60 };
}

describeOnBoth('nightly schedules', (database) => {
  const nightlyOf = async ({ serviceId }: ServiceRecord): Promise<unknown> =>
    (await database.catalog.findNightlies([serviceId])).get(serviceId);

  test('a service is given one once, with its label, as a schedule like any other', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    expect(await nightlyOf(service)).toBeUndefined();
    const made = await catalog.giveNightly(order(service));
    expect(made).toMatchObject({
      serviceId: service.serviceId,
      schedule: '17 3 * * *',
      type: 'full',
      labels: { origin: 'nightly' },
      suspended: false,
    });
    expect(await catalog.giveNightly(order(service))).toBeUndefined();
    expect(await nightlyOf(service)).toMatchObject({ schedule: { id: made?.id } });
    const page = { page: 1, pageSize: 10, order: 'asc' } as const;
    expect((await catalog.listSchedules(service.organization, {}, page)).count).toBe(1);
    expect(await catalog.findScheduleIntent(made?.id ?? 0)).toMatchObject({ settled: false, deleted: false });
  });

  test('of any number of control workers at once, one gives it', async () => {
    const { catalog } = database;
    const workers = [catalog, await database.open(database.location), await database.open(database.location)];
    for (let round = 0; round < 5; round += 1) {
      const service = await registered(catalog);
      const given = await Promise.all(
        workers.flatMap((worker) => [worker.giveNightly(order(service)), worker.giveNightly(order(service))]),
      );
      expect(given.filter((made) => made !== undefined)).toHaveLength(1);
      const page = { page: 1, pageSize: 10, order: 'asc' } as const;
      expect((await catalog.listSchedules(service.organization, {}, page)).count).toBe(1);
    }
  });

  test('one that was deleted stays deleted, until it is asked for', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const made = await catalog.giveNightly(order(service));
    await catalog.deleteSchedule(made?.id ?? 0, service.organization);
    expect(await nightlyOf(service)).toEqual({});
    // The agent announces again; another one takes the service over.
    await catalog.upsertService({ ...service, agentId: 'agent-2' });
    expect(await catalog.giveNightly(order(service))).toBeUndefined();
    const without = await catalog.servicesWithoutNightly('', 10_000);
    expect(without.map(({ serviceId }) => serviceId)).not.toContain(service.serviceId);

    const again = await catalog.setNightly(order(service, '5 4 * * *'));
    expect(again).toMatchObject({ schedule: '5 4 * * *', labels: { origin: 'nightly' } });
    expect(again.id).not.toBe(made?.id);
    expect(await nightlyOf(service)).toMatchObject({ schedule: { id: again.id } });
  });

  test('another hour is a change of the schedule that is there', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const made = await catalog.giveNightly(order(service));
    const before = await catalog.findScheduleIntent(made?.id ?? 0);
    const changed = await catalog.setNightly(order(service, '5 4 * * *'));
    expect(changed).toMatchObject({ id: made?.id, schedule: '5 4 * * *' });
    const after = await catalog.findScheduleIntent(changed.id);
    expect(after?.revision).toBeGreaterThan(before?.revision ?? 0);
  });

  test('a service that was never given one can ask for it, and then has one', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const without = await catalog.servicesWithoutNightly('', 10_000);
    expect(without.map(({ serviceId }) => serviceId)).toContain(service.serviceId);
    const made = await catalog.setNightly(order(service));
    expect(await nightlyOf(service)).toMatchObject({ schedule: { id: made.id } });
    expect(await catalog.giveNightly(order(service))).toBeUndefined();
  });
});
