import { expect, test } from '@jest/globals';
import { noEncryption } from '../../domain/encryption.ts';
import { describeOnBoth } from './databases.ts';
import { finishedBackup, newBackupId, newService, orderBackup, registered } from './records.ts';

describeOnBoth('services', (database) => {
  test('a service comes back as it was announced', async () => {
    const service = await registered(database.catalog);
    expect(await database.catalog.findService(service.serviceId)).toEqual(service);
    expect(await database.catalog.findService(service.serviceId, service.organization)).toEqual(service);
  });

  test('that an agent does not say what it does about encryption is kept apart from its saying nothing', async () => {
    const { encryption: _encryption, ...service } = newService();
    await database.catalog.upsertService(service);
    expect(await database.catalog.findService(service.serviceId)).toEqual(service);
    const nobody = { ...service, encryption: noEncryption };
    await database.catalog.upsertService(nobody);
    expect(await database.catalog.findService(service.serviceId)).toEqual(nobody);
  });

  test('a later announcement changes everything but the time of registration', async () => {
    const service = await registered(database.catalog);
    const later = {
      ...service,
      serviceName: 'Orders, new',
      agentId: 'agent-2',
      serverRunning: false,
      labels: {},
      warnings: [],
      registeredAt: '2026-05-05T00:00:00.000Z',
      lastSeenAt: '2026-05-05T00:00:00.000Z',
    };
    await database.catalog.upsertService(later);
    expect(await database.catalog.findService(service.serviceId)).toEqual({
      ...later,
      registeredAt: service.registeredAt,
    });
  });

  test('a service cannot change its organization', async () => {
    const service = await registered(database.catalog);
    await expect(
      database.catalog.upsertService({ ...service, organization: 'thieves', agentId: 'agent-9' }),
    ).rejects.toMatchObject({
      code: 'service_taken',
      message: expect.stringContaining(service.serviceId) as unknown,
    });
    expect(await database.catalog.findService(service.serviceId)).toEqual(service);
    expect(await database.catalog.findService(service.serviceId, 'thieves')).toBeUndefined();
  });

  test('of two organizations that claim a service at once one gets it, whole', async () => {
    const service = newService();
    const claims = ['left', 'right'].map((organization) => ({
      ...service,
      organization,
      agentId: organization,
    }));
    const outcomes = await Promise.allSettled(
      claims.map(async (claim) => await database.catalog.upsertService(claim)),
    );
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    const won = claims[outcomes.findIndex(({ status }) => status === 'fulfilled')];
    expect(await database.catalog.findService(service.serviceId)).toEqual(won);
  });

  test('an unknown service is not found', async () => {
    expect(await database.catalog.findService('nobody')).toBeUndefined();
    expect(await database.catalog.findService('nobody', 'none')).toBeUndefined();
  });

  test('texts with quotes, percent signs, backslashes and any script come back unchanged', async () => {
    const strange = `it's "50%_\\ off"; -- ${'\u{1F30A}'} Ærøskøbing 宝\n\t$1 ?`;
    const service = await registered(database.catalog, {
      serviceName: strange,
      labels: { [strange]: strange },
      warnings: [strange, 'with a NUL \0 inside JSON'],
    });
    expect(await database.catalog.findService(service.serviceId)).toEqual(service);
    expect(await database.catalog.findService(strange, strange)).toBeUndefined();
    expect(
      (await database.catalog.listBackups(strange, {}, { page: 1, pageSize: 5, order: 'asc' })).count,
    ).toBe(0);
  });

  test('a NUL character is refused by name, when storing and when searching', async () => {
    const refusal = { code: 'invalid_request', message: expect.stringContaining('NUL') as unknown };
    await expect(registered(database.catalog, { serviceName: 'a\0b' })).rejects.toMatchObject(refusal);
    await expect(database.catalog.findService('a\0b')).rejects.toMatchObject(refusal);
    await expect(database.catalog.findBackup('a\0b')).rejects.toMatchObject(refusal);
    await database.catalog.ping();
  });

  test('a time that is none is refused, and any form of a time is stored in the one that sorts', async () => {
    await expect(registered(database.catalog, { lastSeenAt: 'yesterday' })).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining('yesterday') as unknown,
    });
    const service = await registered(database.catalog, { lastSeenAt: '2026-03-01T12:00:00+02:00' });
    expect((await database.catalog.findService(service.serviceId))?.lastSeenAt).toBe(
      '2026-03-01T10:00:00.000Z',
    );
  });

  test('nothing can be ordered for a service that was never announced', async () => {
    const service = newService();
    await expect(orderBackup(database.catalog, service)).rejects.toMatchObject({ code: 'service_not_found' });
    await expect(
      database.catalog.takePlace({ serviceId: service.serviceId, workflowId: 'w', operation: 'backup 1' }),
    ).rejects.toMatchObject({ code: 'service_not_found' });
  });

  test('whose objects were not looked at for long come first, with what was found there and since when', async () => {
    const { catalog } = database;
    const ids = [await registered(catalog), await registered(catalog), await registered(catalog)].map(
      ({ serviceId }) => serviceId,
    );
    const [first = '', second = '', third = ''] = ids;
    const day = (number: number): string => `2026-02-${String(number).padStart(2, '0')}T00:00:00.000Z`;
    const waiting = async (before: number, now: number): Promise<string[]> =>
      (await catalog.servicesToLookAt({ before: day(before), now: day(now) })).filter((id) =>
        ids.includes(id),
      );
    const end = async (id: string, at: number, findings: Record<string, string> = {}): Promise<void> =>
      await catalog.endObjectLook(id, { lookedAt: day(at), findings: new Map(Object.entries(findings)) });
    expect(await waiting(1, 2)).toEqual(ids.toSorted());
    await end(third, 3);
    await end(first, 5, { one: day(4), two: day(5) });
    expect(await waiting(5, 9)).toEqual([second, third, first]);
    expect(await waiting(4, 9)).toEqual([second, third]);
    // By a clock that was ahead.
    expect(await waiting(2, 4)).toEqual([second, first]);
    expect(await catalog.objectFindings(first)).toEqual(
      new Map([
        ['one', day(4)],
        ['two', day(5)],
      ]),
    );
    expect((await catalog.objectFindings(second)).size).toBe(0);
    const many = Object.fromEntries(Array.from({ length: 1_200 }, (_, number) => [`many ${number}`, day(6)]));
    await end(first, 6, { two: day(5), ...many });
    const found = await catalog.objectFindings(first);
    expect([found.size, found.get('one'), found.get('two')]).toEqual([1_201, undefined, day(5)]);
    await end(first, 7);
    expect((await catalog.objectFindings(first)).size).toBe(0);
  });

  test('have the newest backup of each type that succeeded', async () => {
    const { catalog } = database;
    const [one, two, none] = [
      await registered(catalog),
      await registered(catalog),
      await registered(catalog),
    ];
    for (const service of [one, one, two]) await finishedBackup(catalog, service);
    // One that has not succeeded counts for nothing.
    await orderBackup(catalog, one, newBackupId(one));
    const page = { page: 1, pageSize: 1, order: 'desc' } as const;
    const found = await catalog.newestBackups([one, two, none].map(({ serviceId }) => serviceId));
    for (const { serviceId, organization } of [one, two]) {
      const filter = { serviceId, status: 'Succeeded' } as const;
      expect(found.get(serviceId)).toEqual((await catalog.listBackups(organization, filter, page)).items);
    }
    expect(found.size).toBe(2);
    expect((await catalog.newestBackups([none.serviceId])).size).toBe(0);
  });
});
