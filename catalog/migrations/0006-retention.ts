/** What a service is set to, whether it was given its nightly backup, and what is being removed. */
import { sql, type Kysely } from 'kysely';
import { columnTypes } from './columns.ts';

export async function up(db: Kysely<unknown>): Promise<void> {
  const { key, counter } = columnTypes(db);
  await db.schema
    .createTable('service_settings')
    .addColumn('service_id', key, (column) => column.primaryKey().references('services.service_id'))
    .addColumn('settings', 'text', (column) => column.notNull())
    .addColumn('updated_at', key, (column) => column.notNull())
    .execute();
  // One row a service, made with its nightly schedule and never removed: a schedule that is gone was deleted. Does
  // not reference the schedule, which it outlives.
  await db.schema
    .createTable('nightlies')
    .addColumn('service_id', key, (column) => column.primaryKey().references('services.service_id'))
    .addColumn('schedule_id', 'bigint', (column) => column.notNull())
    .addColumn('made_at', key, (column) => column.notNull())
    .execute();
  await db.schema.alterTable('backups').addColumn('due_since', key).execute();
  await db.schema
    .createIndex('backups_due')
    .on('backups')
    .column('service_id')
    .where(sql.ref('due_since'), 'is not', null)
    .execute();
  // A backup whose objects are being removed: its row is here and nowhere else.
  await db.schema
    .createTable('removals')
    .addColumn('sequence', counter)
    .addColumn('backup_id', key, (column) => column.notNull().unique())
    .addColumn('organization', key, (column) => column.notNull())
    .addColumn('service_id', key, (column) => column.notNull().references('services.service_id'))
    .addColumn('schedule_id', 'bigint', (column) => column.notNull())
    .addColumn('whole', 'integer', (column) => column.notNull())
    .addColumn('stored_bytes', 'bigint', (column) => column.notNull())
    .addColumn('reason', 'text', (column) => column.notNull())
    .addColumn('began_at', key, (column) => column.notNull())
    .execute();
}
