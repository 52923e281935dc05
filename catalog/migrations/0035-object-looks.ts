/** When the objects of each service were last held against the catalog, and what was found there that should not be. */
import type { Kysely } from 'kysely';
import { columnTypes } from './columns.ts';

export async function up(db: Kysely<unknown>): Promise<void> {
  const { key } = columnTypes(db);
  await db.schema
    .createTable('object_looks')
    .addColumn('service_id', key, (column) => column.primaryKey().references('services.service_id'))
    .addColumn('looked_at', key, (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('object_findings')
    .addColumn('service_id', key, (column) => column.notNull().references('services.service_id'))
    .addColumn('what', key, (column) => column.notNull())
    .addColumn('since', key, (column) => column.notNull())
    // The time of the look that found it last.
    .addColumn('look', key, (column) => column.notNull())
    .addPrimaryKeyConstraint('object_findings_key', ['service_id', 'what'])
    .execute();
}
