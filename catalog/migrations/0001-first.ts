/**
 * The first tables. Every index that serves a list begins with what is always asked for, the organization, and
 * ends with the list's order, so that a page is read off the index in that order without sorting.
 */
import { randomBytes } from 'node:crypto';
import { sql, type Kysely } from 'kysely';
import { columnTypes } from './columns.ts';

export async function up(db: Kysely<unknown>): Promise<void> {
  await makeDeployment(db);
  await makeServices(db);
  await makeSchedules(db);
  await makeBackups(db);
  await makeRestores(db);
  await makePlaces(db);
}

async function makeDeployment(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('deployment')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .execute();
  await sql`insert into deployment (id) values (${randomBytes(16).toString('hex')})`.execute(db);
}

async function makeServices(db: Kysely<unknown>): Promise<void> {
  const { key } = columnTypes(db);
  await db.schema
    .createTable('services')
    .addColumn('service_id', key, (column) => column.primaryKey())
    .addColumn('service_name', 'text', (column) => column.notNull())
    .addColumn('organization', key, (column) => column.notNull())
    .addColumn('labels', 'text', (column) => column.notNull())
    .addColumn('cloud_provider', 'text', (column) => column.notNull())
    .addColumn('agent_id', 'text', (column) => column.notNull())
    .addColumn('server_name', 'text', (column) => column.notNull())
    .addColumn('server_version', 'text', (column) => column.notNull())
    .addColumn('server_running', 'integer', (column) => column.notNull())
    .addColumn('layout', 'text', (column) => column.notNull())
    .addColumn('storage', 'text', (column) => column.notNull())
    .addColumn('hostname', 'text', (column) => column.notNull())
    .addColumn('agent_version', 'text', (column) => column.notNull())
    .addColumn('warnings', 'text', (column) => column.notNull())
    .addColumn('registered_at', key, (column) => column.notNull())
    .addColumn('last_seen_at', key, (column) => column.notNull())
    .execute();
  await index(db, 'services', ['organization', 'registered_at', 'service_id']);
}

async function makeSchedules(db: Kysely<unknown>): Promise<void> {
  const { key, counter } = columnTypes(db);
  await db.schema
    .createTable('schedules')
    .addColumn('id', counter)
    .addColumn('organization', key, (column) => column.notNull())
    .addColumn('service_id', key, (column) => column.notNull().references('services.service_id'))
    .addColumn('service_name', 'text', (column) => column.notNull())
    .addColumn('schedule', 'text', (column) => column.notNull())
    .addColumn('type', key, (column) => column.notNull())
    .addColumn('status', key, (column) => column.notNull())
    .addColumn('message', 'text', (column) => column.notNull())
    .addColumn('suspended', 'integer', (column) => column.notNull())
    .addColumn('labels', 'text', (column) => column.notNull())
    .addColumn('created_at', key, (column) => column.notNull())
    .addColumn('updated_at', key, (column) => column.notNull())
    .addColumn('scheduled_at', key)
    .addColumn('backup_id', key)
    .execute();
}

async function makeBackups(db: Kysely<unknown>): Promise<void> {
  const { key } = columnTypes(db);
  await db.schema
    .createTable('backups')
    .addColumn('id', key, (column) => column.primaryKey())
    .addColumn('organization', key, (column) => column.notNull())
    .addColumn('service_id', key, (column) => column.notNull().references('services.service_id'))
    .addColumn('service_name', 'text', (column) => column.notNull())
    .addColumn('server_name', 'text', (column) => column.notNull())
    // Does not reference the schedule: a backup outlives it.
    .addColumn('schedule_id', 'bigint', (column) => column.notNull())
    .addColumn('type', key, (column) => column.notNull())
    .addColumn('method', 'text', (column) => column.notNull())
    .addColumn('cloud_provider', 'text', (column) => column.notNull())
    .addColumn('status', key, (column) => column.notNull())
    .addColumn('message', 'text', (column) => column.notNull())
    .addColumn('created_at', key, (column) => column.notNull())
    .addColumn('updated_at', key, (column) => column.notNull())
    .addColumn('started_at', key)
    .addColumn('ended_at', key)
    .addColumn('point_in_time', key)
    .addColumn('reference_full_backup', key, (column) => column.notNull())
    .addColumn('binlog_file', 'text')
    .addColumn('binlog_position', 'bigint')
    .addColumn('binlog_gtid', 'text')
    .addColumn('stored_bytes', 'bigint', (column) => column.notNull())
    .addColumn('uncompressed_bytes', 'bigint', (column) => column.notNull())
    .addColumn('manifest_sha256', 'text', (column) => column.notNull())
    .addColumn('progress', 'text')
    .execute();
  await index(db, 'backups', ['organization', 'created_at', 'id']);
  await index(db, 'backups', ['organization', 'service_id', 'created_at', 'id']);
  await index(db, 'backups', ['organization', 'service_id', 'status', 'created_at', 'id']);
  await index(db, 'backups', ['organization', 'status', 'created_at', 'id']);
  await index(db, 'backups', ['organization', 'type', 'created_at', 'id']);
  await indexUnfinished(db, 'backups');
}

async function makeRestores(db: Kysely<unknown>): Promise<void> {
  const { key, counter } = columnTypes(db);
  await db.schema
    .createTable('restores')
    .addColumn('id', counter)
    .addColumn('organization', key, (column) => column.notNull())
    .addColumn('service_id', key, (column) => column.notNull().references('services.service_id'))
    .addColumn('service_name', 'text', (column) => column.notNull())
    // Does not reference the backup: what was restored is still told when the backup has expired.
    .addColumn('backup_id', key, (column) => column.notNull())
    .addColumn('mode', 'text', (column) => column.notNull())
    .addColumn('type', key, (column) => column.notNull())
    .addColumn('bucket', 'text', (column) => column.notNull())
    .addColumn('workflow_id', key, (column) => column.notNull())
    .addColumn('status', key, (column) => column.notNull())
    .addColumn('message', 'text', (column) => column.notNull())
    .addColumn('created_at', key, (column) => column.notNull())
    .addColumn('updated_at', key, (column) => column.notNull())
    .addColumn('finished_at', key)
    .addColumn('point_in_time', key)
    .addColumn('progress', 'text')
    .addColumn('reached', 'text')
    .execute();
  await index(db, 'restores', ['organization', 'created_at', 'id']);
  await index(db, 'restores', ['organization', 'service_id', 'created_at', 'id']);
  await index(db, 'restores', ['organization', 'status', 'created_at', 'id']);
  await indexUnfinished(db, 'restores');
}

async function makePlaces(db: Kysely<unknown>): Promise<void> {
  const { key, counter } = columnTypes(db);
  await db.schema
    .createTable('places')
    .addColumn('sequence', counter)
    .addColumn('service_id', key, (column) => column.notNull().references('services.service_id'))
    .addColumn('workflow_id', key, (column) => column.notNull().unique())
    .addColumn('operation', 'text', (column) => column.notNull())
    .addColumn('held', 'integer', (column) => column.notNull())
    .addColumn('requested_at', key, (column) => column.notNull())
    .execute();
  await index(db, 'places', ['service_id', 'sequence']);
  // The last fence: whatever the queries do, the database itself refuses a second holder.
  await db.schema
    .createIndex('places_holder')
    .unique()
    .on('places')
    .column('service_id')
    .where(sql.ref('held'), '=', sql.lit(1))
    .execute();
}

async function index(db: Kysely<unknown>, table: string, columns: string[]): Promise<void> {
  await db.schema
    .createIndex(`${table}_by_${columns.join('_')}`)
    .on(table)
    .columns(columns)
    .execute();
}

/** Few rows of very many are unfinished at a time; the index holds those alone. */
async function indexUnfinished(db: Kysely<unknown>, table: string): Promise<void> {
  await db.schema
    .createIndex(`${table}_unfinished`)
    .on(table)
    .columns(['created_at', 'id'])
    .where(sql<boolean>`status in ('Scheduled', 'Running')`)
    .execute();
}
