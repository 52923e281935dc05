/**
 * What is removed on instruction: also from a customer's bucket, whose credentials are needed until it is done. And the
 * files of archived binlogs whose objects are being removed. And whether a catalog that was filled from a store has been
 * looked at.
 */
import type { Kysely } from 'kysely';
import { columnTypes } from './columns.ts';

export async function up(db: Kysely<unknown>): Promise<void> {
  const { key } = columnTypes(db);
  await db.schema.alterTable('removals').addColumn('external_bucket_id', key).execute();
  // While it is set, nothing is deleted.
  await db.schema.alterTable('deployment').addColumn('unconfirmed_since', key).execute();
  await db.schema
    .createTable('taken_over')
    .addColumn('deployment_id', key, (column) => column.primaryKey())
    .addColumn('taken_over_at', key, (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('prunings')
    .addColumn('service_id', key, (column) => column.notNull().references('services.service_id'))
    .addColumn('timeline', key, (column) => column.notNull())
    .addColumn('file', key, (column) => column.notNull())
    .addColumn('segments', 'bigint', (column) => column.notNull())
    .addColumn('stored_bytes', 'bigint', (column) => column.notNull())
    .addColumn('began_at', key, (column) => column.notNull())
    .addPrimaryKeyConstraint('prunings_key', ['service_id', 'timeline', 'file'])
    .execute();
}
