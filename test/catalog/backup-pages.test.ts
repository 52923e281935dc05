import { expect, test } from '@jest/globals';
import { Kysely } from 'kysely';
import { backupsIn } from '../../catalog/backups.ts';
import { Database } from '../../catalog/database.ts';
import { postgresBackend } from '../../catalog/postgres.ts';
import type { BackupsTable, Tables } from '../../catalog/schema.ts';
import { sqliteBackend } from '../../catalog/sqlite.ts';
import type { BackupFilter } from '../../catalog/types.ts';
import { describeOnBoth, type SuiteDatabase } from './databases.ts';
import { registered } from './records.ts';

const statuses = ['Scheduled', 'Running', 'Succeeded', 'Failed'] as const;
const types = ['full', 'dump'] as const;

/** The same numbers in every run. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function open(database: SuiteDatabase): Database {
  const backend =
    database.kind === 'SQLite'
      ? sqliteBackend(database.location.replace('sqlite://', ''))
      : postgresBackend(database.location, database.server.password);
  return new Database(new Kysely<Tables>({ dialect: backend.dialect }), backend);
}

describeOnBoth('pages of backups', (suite) => {
  test('are those of a plain list, whatever was added, changed and removed on whatever day', async () => {
    const services = [await registered(suite.catalog)];
    const { organization } = services[0] as { organization: string };
    services.push(await registered(suite.catalog, { organization }), await registered(suite.catalog));
    const pick = random(7);
    const rows = Array.from({ length: 300 }, (_, index): BackupsTable => {
      const service = services[pick(3)] ?? services[0];
      // Several in one millisecond, at both ends of a day, and days without any.
      const second = ['00:00:00.000', '12:30:00.500', '23:59:59.999'][pick(3)];
      const createdAt = `2026-0${1 + pick(2)}-1${pick(6)}T${second}Z`;
      return {
        id: `${index}`.padStart(32, '0'),
        organization: service?.organization ?? '',
        service_id: service?.serviceId ?? '',
        service_name: 'n',
        server_name: 'n',
        schedule_id: 1,
        type: types[pick(2)] ?? 'full',
        method: 'skybucket',
        cloud_provider: '',
        status: statuses[pick(4)] ?? 'Failed',
        message: '',
        created_at: createdAt,
        updated_at: createdAt,
        started_at: null,
        ended_at: null,
        point_in_time: null,
        reference_full_backup: '',
        binlog_file: null,
        binlog_position: null,
        binlog_gtid: null,
        stored_bytes: 0,
        uncompressed_bytes: 0,
        manifest_sha256: '',
        progress: null,
      } as BackupsTable;
    });
    const database = open(suite);
    try {
      await database.write(async (db) => {
        await db.insertInto('backups').values(rows).execute();
        for (const row of rows) {
          if (pick(3) === 0) {
            row.status = statuses[pick(4)] ?? 'Failed';
            await db.updateTable('backups').set({ status: row.status }).where('id', '=', row.id).execute();
          }
        }
        for (const row of rows.splice(pick(50), 40))
          await db.deleteFrom('backups').where('id', '=', row.id).execute();
      });
      const bounds = [undefined, '2026-01-13T12:30:00.500Z', '2026-02-11T00:00:00Z', '2026-01-01T00:00:00Z'];
      const { listBackups } = backupsIn(database);
      for (let round = 0; round < 120; round += 1) {
        const filter: BackupFilter = {
          ...(pick(2) === 0 ? {} : { serviceId: services[pick(3)]?.serviceId ?? '' }),
          ...(pick(2) === 0 ? {} : { status: statuses[pick(4)] ?? 'Failed' }),
          ...(pick(2) === 0 ? {} : { type: types[pick(2)] ?? 'full' }),
        };
        const createdBefore = bounds[pick(4)];
        const order = pick(2) === 0 ? 'asc' : 'desc';
        const matching = rows
          .filter(
            (row) =>
              row.organization === organization &&
              row.service_id === (filter.serviceId ?? row.service_id) &&
              row.status === (filter.status ?? row.status) &&
              row.type === (filter.type ?? row.type) &&
              row.created_at < (createdBefore ?? '9').replace(/:00Z$/, ':00.000Z'),
          )
          .map((row) => ({ id: row.id, key: `${row.created_at} ${row.id}` }))
          .sort((a, b) => (a.key < b.key ? -1 : 1) * (order === 'asc' ? 1 : -1));
        const pageSize = 1 + pick(20);
        const page = 1 + pick(Math.ceil(matching.length / pageSize) + 1);
        const found = await listBackups(organization, filter, {
          page,
          pageSize,
          order,
          ...(createdBefore === undefined ? {} : { createdBefore }),
        });
        expect(found.count).toBe(matching.length);
        expect(found.items.map(({ id }) => id)).toEqual(
          matching.slice((page - 1) * pageSize, page * pageSize).map(({ id }) => id),
        );
      }
      const counts = await database.read(
        async (db) => await db.selectFrom('backup_counts').selectAll().where('count', '<=', 0).execute(),
      );
      expect(counts).toEqual([]);
    } finally {
      await database.close();
    }
  });
});
