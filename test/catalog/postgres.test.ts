import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openCatalog } from '../../catalog/open.ts';
import type { Catalog } from '../../catalog/types.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { orderBackup, registered } from './records.ts';

const unavailable = { code: 'catalog_unavailable', retryable: true };

describe('the catalog in PostgreSQL', () => {
  let server: TestPostgres;
  let location: string;
  let catalog: Catalog;

  beforeAll(async () => {
    server = await startPostgres();
    location = await server.createDatabase();
    catalog = await openCatalog(location, { password: server.password });
    await catalog.migrate();
  });
  afterAll(async () => {
    await catalog?.close();
    await server?.stop();
  });

  test('connections that drop while nobody uses them are not noticed', async () => {
    const service = await registered(catalog);
    await Promise.all(Array.from({ length: 5 }, async () => await catalog.ping()));
    await server.dropConnections();
    // Until the news has come a query may still be sent into a closed connection; it says that it may be repeated.
    await expectSoon(async () => await catalog.findService(service.serviceId));
    expect(await catalog.findService(service.serviceId)).toEqual(service);
  });

  test('connections that drop under queries and transactions fail those alone, with an error that may pass', async () => {
    const service = await registered(catalog);
    const outcomes: Promise<PromiseSettledResult<unknown>[]>[] = [];
    for (let round = 0; round < 5; round += 1) {
      outcomes.push(
        Promise.allSettled(Array.from({ length: 10 }, async () => await orderBackup(catalog, service))),
      );
      await server.dropConnections();
    }
    const settled = (await Promise.all(outcomes)).flat();
    const failed = settled.filter((outcome) => outcome.status === 'rejected');
    expect(failed.map(({ reason }) => reason as unknown)).toEqual(
      failed.map(() => expect.objectContaining(unavailable) as unknown),
    );
    await expectSoon(async () => await catalog.ping());
    // Each order is there whole, or not at all.
    const page = { page: 1, pageSize: 100, order: 'asc' } as const;
    const { items } = await catalog.listBackups(service.organization, {}, page);
    const places = (await catalog.listPlaces()).filter(({ serviceId }) => serviceId === service.serviceId);
    expect(places.map(({ operation }) => operation).toSorted()).toEqual(
      items.map(({ id }) => `backup ${id}`).toSorted(),
    );
    const made = settled.filter((outcome) => outcome.status === 'fulfilled').length;
    expect(items.length).toBeGreaterThanOrEqual(made);
  });

  test('while the server is gone every method says so, and works again when it is back', async () => {
    const service = await registered(catalog);
    const { backup, schedule, workflowId } = await orderBackup(catalog, service);
    const { serviceId, organization } = service;
    const page = { page: 1, pageSize: 5, order: 'asc' } as const;
    const calls: (() => Promise<unknown>)[] = [
      () => catalog.migrate(),
      () => catalog.ping(),
      () => catalog.deploymentId(),
      () => catalog.upsertService(service),
      () => catalog.findService(serviceId),
      () => catalog.listServices(organization, page),
      () => catalog.findSchedule(schedule.id, organization),
      () => catalog.findBackup(backup.id),
      () => catalog.listBackups(organization, {}, page),
      () => catalog.updateBackup(backup.id, { status: 'Running' }),
      () => catalog.findRestore(1),
      () => catalog.listRestores(organization, {}, page),
      () => catalog.updateRestore(1, {}),
      () => catalog.takePlace({ serviceId, workflowId, operation: 'backup' }),
      () => catalog.listPlaces(),
      () => catalog.unfinished(),
      () => catalog.releasePlace(workflowId),
    ];
    await server.kill();
    for (const call of calls) await expect(call()).rejects.toMatchObject(unavailable);
    await server.start();
    for (const call of calls) await call();
  });

  test('a catalog can be opened before its server is there', async () => {
    await server.kill();
    const early = await openCatalog(location, { password: server.password });
    try {
      await expect(early.migrate()).rejects.toMatchObject(unavailable);
      await server.start();
      await early.migrate();
      expect(await early.deploymentId()).toBe(await catalog.deploymentId());
    } finally {
      await early.close();
    }
  });

  test('no message holds the password, wherever it was given', async () => {
    const inside = new URL(location);
    inside.password = encodeURIComponent('hunter2/&secret');
    inside.pathname = '/nowhere';
    const attempts = [
      await openCatalog(inside.href),
      await openCatalog(location, { password: 'hunter2/&secret' }),
      await openCatalog(`${location}?password=hunter2`),
    ];
    for (const attempt of attempts) {
      const refusal: unknown = await attempt.ping().catch((error: unknown) => error);
      await attempt.close();
      expect(refusal).toMatchObject(unavailable);
      expect(String(refusal)).toContain('127.0.0.1');
      expect(String(refusal)).not.toMatch(/hunter2|secret/);
    }
  });

  test('a password inside the location works, with any character', async () => {
    const inside = new URL(location);
    inside.password = encodeURIComponent(server.password);
    const attempt = await openCatalog(inside.href);
    try {
      await attempt.ping();
    } finally {
      await attempt.close();
    }
  });

  test('a database that does not exist is named', async () => {
    const attempt = await openCatalog(location.replace(/\w+$/, 'nowhere'), { password: server.password });
    try {
      await expect(attempt.ping()).rejects.toMatchObject({
        ...unavailable,
        message: expect.stringContaining('nowhere') as unknown,
      });
    } finally {
      await attempt.close();
    }
  });

  test('a location that cannot be read is refused without being repeated', async () => {
    const refusal: unknown = await openCatalog('postgres://u:hunter2@host:99999999/db').catch(
      (error: unknown) => error,
    );
    expect(refusal).toMatchObject({ code: 'invalid_setting' });
    expect(String(refusal)).not.toContain('hunter2');
  });
});

/** Repeats what may fail for a moment; anything but the error that says so fails at once. */
async function expectSoon(call: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await call();
      return;
    } catch (error) {
      expect(error).toMatchObject(unavailable);
      // More attempts than the pool has connections.
      expect(attempt).toBeLessThan(20);
    }
  }
}
