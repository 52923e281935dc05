/** Buckets of customers: their credentials, sealed, beside the schedules and backups that use them. */
import type { Kysely } from 'kysely';
import { columnTypes } from './columns.ts';

export async function up(db: Kysely<unknown>): Promise<void> {
  const { key } = columnTypes(db);
  await db.schema
    .createTable('external_buckets')
    .addColumn('id', key, (column) => column.primaryKey())
    .addColumn('organization', key, (column) => column.notNull())
    .addColumn('location', 'text', (column) => column.notNull())
    .addColumn('sealed', 'text', (column) => column.notNull())
    .addColumn('created_at', key, (column) => column.notNull())
    .execute();
  for (const table of ['schedules', 'backups']) {
    await db.schema.alterTable(table).addColumn('external_bucket_id', key).execute();
  }
}
