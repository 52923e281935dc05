import { expect, test } from '@jest/globals';
import { Kysely, sql } from 'kysely';
import { postgresBackend } from '../../catalog/postgres.ts';
import { sqliteBackend } from '../../catalog/sqlite.ts';
import { describeOnBoth, type SuiteDatabase } from './databases.ts';
import { registered } from './records.ts';

/** Catalogs have been made with these: a new one sorts behind them, or such a catalog does not start any more. */
const taken = [
  '0001-first',
  '0002-api-keys',
  '0003-guard',
  '0004-schedules',
  '0005-agents',
  '0006-retention',
  '0007-backup-counts',
  '0008-audit-age',
  '0009-service-encryption',
  '0011-verifications',
  '0012-external-buckets',
  '0013-copies',
  '0015-chains',
  '0016-archive',
  '0017-followings',
  '0019-keeping',
  '0020-deployment-storage',
  '0022-archive-breaks',
  '0023-recovery',
  '0024-restore-recovery',
  '0026-undo',
  '0027-restore-sources',
  '0029-proofs',
  '0030-restore-part',
  '0032-loose-dumps',
  '0033-stretch-ends',
  '0034-measurements',
  '0035-object-looks',
];

/** Past the catalog. To be destroyed. */
function rawly(database: SuiteDatabase, location: string): Kysely<unknown> {
  const backend =
    database.kind === 'SQLite'
      ? sqliteBackend(location.slice('sqlite://'.length))
      : postgresBackend(location, database.server.password);
  return new Kysely<unknown>({ dialect: backend.dialect });
}

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

  test('no migration comes before one that catalogs have been made with', async () => {
    const kysely = rawly(database, database.location);
    try {
      const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(
        kysely,
      );
      expect(rows.slice(0, taken.length).map(({ name }) => name)).toEqual(taken);
    } finally {
      await kysely.destroy();
    }
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
    const kysely = rawly(database, location);
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
