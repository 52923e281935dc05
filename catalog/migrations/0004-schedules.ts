/**
 * Schedules that repeat. A row says what should be; `revision` counts its changes, and `settled_revision` is the
 * newest of them that Temporal is known to have. A deleted row stays until then, and after, so that what was deleted
 * is known to have been there.
 */
import { sql, type Kysely } from 'kysely';
import { columnTypes } from './columns.ts';

export async function up(db: Kysely<unknown>): Promise<void> {
  const { key } = columnTypes(db);
  const table = (): ReturnType<typeof db.schema.alterTable> => db.schema.alterTable('schedules');
  await table()
    .addColumn('offset_seconds', 'integer', (column) => column.notNull().defaultTo(0))
    .execute();
  await table()
    .addColumn('revision', 'integer', (column) => column.notNull().defaultTo(0))
    .execute();
  await table()
    .addColumn('settled_revision', 'integer', (column) => column.notNull().defaultTo(0))
    .execute();
  await table().addColumn('counted_from', key).execute();
  await table().addColumn('begun_at', key).execute();
  await table().addColumn('skipped_at', key).execute();
  await table().addColumn('deleted_at', key).execute();
  await indexList(db, ['organization', 'created_at', 'id']);
  await indexList(db, ['organization', 'service_id', 'created_at', 'id']);
  await indexList(db, ['organization', 'type', 'created_at', 'id']);
  await db.schema
    .createIndex('schedules_repeating')
    .on('schedules')
    .column('id')
    .where(sql<boolean>`schedule <> 'once' and (deleted_at is null or settled_revision <> revision)`)
    .execute();
}

async function indexList(db: Kysely<unknown>, columns: string[]): Promise<void> {
  await db.schema
    .createIndex(`schedules_by_${columns.join('_')}`)
    .on('schedules')
    .columns(columns)
    .where(sql<boolean>`deleted_at is null`)
    .execute();
}
