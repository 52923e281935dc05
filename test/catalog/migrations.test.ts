import { expect, test } from '@jest/globals';
import { Kysely, sql } from 'kysely';
import { postgresBackend } from '../../catalog/postgres.ts';
import { sqliteBackend } from '../../catalog/sqlite.ts';
import { describeOnBoth } from './databases.ts';
import { registered } from './records.ts';

describeOnBoth('migrations', (database) => {
  test('processes that start at once on an empty database all succeed, and agree on the deployment', async () => {
    const location = await database.newLocation();
    const catalogs = await Promise.all(Array.from({ length: 6 }, async () => await database.open(location)));
    await Promise.all(catalogs.map(async (catalog) => await catalog.migrate()));
    const ids = await Promise.all(catalogs.map(async (catalog) => await catalog.deploymentId()));
    expect(new Set(ids).size).toBe(1);
    expect(ids[0]).toMatch(/^[0-9a-f]{32}$/);
  });

  test('migrating again changes nothing, also by a process that comes later', async () => {
    const id = await database.catalog.deploymentId();
    const service = await registered(database.catalog);
    await database.catalog.migrate();
    const later = await database.open(database.location);
    await later.migrate();
    expect(await later.deploymentId()).toBe(id);
    expect(await later.findService(service.serviceId)).toEqual(service);
  });

  test('two databases are two deployments', async () => {
    const other = await database.open(await database.newLocation());
    await other.migrate();
    expect(await other.deploymentId()).not.toBe(await database.catalog.deploymentId());
  });

  test('a database before its first migration says so, and may be asked again', async () => {
    const empty = await database.open(await database.newLocation());
    await empty.ping();
    await expect(empty.deploymentId()).rejects.toMatchObject({
      code: 'catalog_unavailable',
      retryable: true,
    });
    await empty.migrate();
    await empty.deploymentId();
  });

  test('a schema that is newer than the program is refused, not touched', async () => {
    const location = await database.newLocation();
    const catalog = await database.open(location);
    await catalog.migrate();
    const backend =
      database.kind === 'SQLite'
        ? sqliteBackend(location.slice('sqlite://'.length))
        : postgresBackend(location, database.server.password);
    const kysely = new Kysely<unknown>({ dialect: backend.dialect });
    try {
      await sql`insert into kysely_migration (name, timestamp) values ('9999-later', '2099-01-01T00:00:00Z')`.execute(
        kysely,
      );
    } finally {
      await kysely.destroy();
    }
    await expect(catalog.migrate()).rejects.toMatchObject({
      code: 'catalog_incompatible',
      message: expect.stringContaining('9999-later') as unknown,
    });
    await catalog.deploymentId();
  });
});
