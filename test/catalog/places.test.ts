import { expect, test } from '@jest/globals';
import type { Catalog, PlaceRecord } from '../../catalog/types.ts';
import { describeOnBoth } from './databases.ts';
import { finishedBackup, orderBackup, orderRestore, registered } from './records.ts';

describeOnBoth('places', (database) => {
  test('a free service is had at once, and having it again is no error', async () => {
    const { serviceId } = await registered(database.catalog);
    const request = { serviceId, workflowId: `${serviceId}/w`, operation: 'backup 1' };
    expect(await database.catalog.takePlace(request)).toBeUndefined();
    expect(await database.catalog.takePlace(request)).toBeUndefined();
    expect(await placesOf(database.catalog, serviceId)).toMatchObject([
      { workflowId: request.workflowId, operation: 'backup 1', held: true },
    ]);
  });

  test('who asks for a service that is had is told by whom, and served in the order of asking', async () => {
    const { serviceId } = await registered(database.catalog);
    const ask = async (name: string): Promise<string | undefined> =>
      (
        await database.catalog.takePlace({
          serviceId,
          workflowId: `${serviceId}/${name}`,
          operation: `backup ${name}`,
        })
      )?.operation;
    expect(await ask('a')).toBeUndefined();
    expect(await ask('b')).toBe('backup a');
    expect(await ask('c')).toBe('backup a');
    await database.catalog.releasePlace(`${serviceId}/a`);
    expect(await ask('c')).toBe('backup b');
    expect(await ask('a')).toBe('backup b');
    expect(await ask('b')).toBeUndefined();
    await database.catalog.releasePlace(`${serviceId}/b`);
    await database.catalog.releasePlace(`${serviceId}/b`);
    expect(await ask('a')).toBe('backup c');
    expect(await ask('c')).toBeUndefined();
  });

  test('a wish that is given up lets the next one through', async () => {
    const service = await registered(database.catalog);
    const first = await orderBackup(database.catalog, service);
    const second = await orderBackup(database.catalog, service);
    const request = { serviceId: service.serviceId, workflowId: second.workflowId, operation: 'backup' };
    expect(await database.catalog.takePlace(request)).toMatchObject({
      workflowId: first.workflowId,
      held: false,
    });
    await database.catalog.releasePlace(first.workflowId);
    expect(await database.catalog.takePlace(request)).toBeUndefined();
  });

  test('the wish of an ordered backup is the one that its workflow takes', async () => {
    const service = await registered(database.catalog);
    const { workflowId, backup } = await orderBackup(database.catalog, service);
    const request = { serviceId: service.serviceId, workflowId, operation: 'backup' };
    expect(await database.catalog.takePlace(request)).toBeUndefined();
    expect(await placesOf(database.catalog, service.serviceId)).toMatchObject([
      { workflowId, operation: `backup ${backup.id}`, held: true },
    ]);
  });

  test('services do not stand in each other’s way', async () => {
    const one = await registered(database.catalog);
    const two = await registered(database.catalog);
    for (const { serviceId } of [one, two]) {
      const request = { serviceId, workflowId: `${serviceId}/w`, operation: 'backup' };
      expect(await database.catalog.takePlace(request)).toBeUndefined();
    }
  });

  test('of twenty takers at once exactly one has the service, until it lets go', async () => {
    const { serviceId } = await registered(database.catalog);
    const catalogs = [database.catalog, await database.open(database.location)];
    const workflows = Array.from({ length: 20 }, (_, index) => `${serviceId}/${index}`);
    const everybodyAsks = async (): Promise<(PlaceRecord | undefined)[]> =>
      await Promise.all(
        workflows.map(async (workflowId, index) =>
          (catalogs[index % 2] ?? database.catalog).takePlace({
            serviceId,
            workflowId,
            operation: workflowId,
          }),
        ),
      );
    await everybodyAsks();
    const queue = (await placesOf(database.catalog, serviceId)).map(({ workflowId }) => workflowId);
    expect(queue.toSorted()).toEqual(workflows.toSorted());
    // Whoever let go asks again with the others, at the end of the queue.
    for (const next of queue.slice(0, 3)) {
      const answers = await everybodyAsks();
      expect(workflows.filter((_, index) => answers[index] === undefined)).toEqual([next]);
      expect(new Set(answers.map((place) => place?.workflowId ?? next))).toEqual(new Set([next]));
      await database.catalog.releasePlace(next);
    }
  });

  test('of twenty restores ordered at once exactly one is made, and it has the service', async () => {
    const service = await registered(database.catalog);
    const backup = await finishedBackup(database.catalog, service);
    const catalogs = [database.catalog, await database.open(database.location)];
    const outcomes = await Promise.allSettled(
      Array.from(
        { length: 20 },
        async (_, index) => await orderRestore(catalogs[index % 2] ?? database.catalog, service, backup),
      ),
    );
    const made = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    expect(made).toHaveLength(1);
    const winner = `restore ${made[0]?.id ?? ''}`;
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') continue;
      expect(outcome.reason).toMatchObject({
        code: 'service_busy',
        message: expect.stringContaining(`${winner} of service ${service.serviceId} is running`) as unknown,
      });
    }
    const page = { page: 1, pageSize: 50, order: 'asc' } as const;
    expect(await database.catalog.listRestores(service.organization, {}, page)).toEqual({
      items: made,
      count: 1,
    });
    expect(await placesOf(database.catalog, service.serviceId)).toMatchObject([
      { operation: winner, held: true, workflowId: `restore/${service.serviceId}/${made[0]?.id ?? ''}` },
    ]);
  });

  test('a restore is refused while a backup runs, and while one only waits', async () => {
    const service = await registered(database.catalog);
    const { backup, workflowId } = await orderBackup(database.catalog, service);
    const later = await orderBackup(database.catalog, service);
    await expect(orderRestore(database.catalog, service, backup)).rejects.toMatchObject({
      code: 'service_busy',
      message: expect.stringContaining(
        `backup ${backup.id} of service ${service.serviceId} waits`,
      ) as unknown,
    });
    await database.catalog.takePlace({ serviceId: service.serviceId, workflowId, operation: 'backup' });
    await expect(orderRestore(database.catalog, service, backup)).rejects.toMatchObject({
      code: 'service_busy',
      message: expect.stringContaining(
        `backup ${backup.id} of service ${service.serviceId} is running`,
      ) as unknown,
    });
    await database.catalog.releasePlace(workflowId);
    await expect(orderRestore(database.catalog, service, backup)).rejects.toMatchObject({
      message: expect.stringContaining(`backup ${later.backup.id}`) as unknown,
    });
    await database.catalog.releasePlace(later.workflowId);
    expect(await orderRestore(database.catalog, service, backup)).toMatchObject({ status: 'Scheduled' });
  });

  test('a backup ordered during a restore waits for it', async () => {
    const service = await registered(database.catalog);
    const restore = await orderRestore(
      database.catalog,
      service,
      await finishedBackup(database.catalog, service),
    );
    const { workflowId } = await orderBackup(database.catalog, service);
    const request = { serviceId: service.serviceId, workflowId, operation: 'backup' };
    expect(await database.catalog.takePlace(request)).toMatchObject({
      operation: `restore ${restore.id}`,
      held: true,
    });
  });
});

async function placesOf(catalog: Catalog, serviceId: string): Promise<PlaceRecord[]> {
  return (await catalog.listPlaces()).filter((place) => place.serviceId === serviceId);
}
