/** Whose binlogs are followed, and how far behind their archives were. */
import type { Kysely } from 'kysely';
import { columnTypes } from './columns.ts';

export async function up(db: Kysely<unknown>): Promise<void> {
  const { key } = columnTypes(db);
  await db.schema
    .createTable('followings')
    .addColumn('service_id', key, (column) => column.primaryKey().references('services.service_id'))
    .addColumn('follow_order', 'text', (column) => column.notNull())
    .addColumn('message', 'text', (column) => column.notNull())
    // JSON: seconds by hour.
    .addColumn('lags', 'text', (column) => column.notNull())
    .addColumn('updated_at', key, (column) => column.notNull())
    .execute();
}
