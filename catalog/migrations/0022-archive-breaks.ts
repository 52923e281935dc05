/** Where archived binlogs break off: what was told of it, and the full backup that was begun for it. */
import { sql, type Kysely } from 'kysely';
import { columnTypes } from './columns.ts';

export async function up(db: Kysely<unknown>): Promise<void> {
  const { key } = columnTypes(db);
  await db.schema
    .createTable('archive_breaks')
    .addColumn('service_id', key, (column) => column.notNull().references('services.service_id'))
    .addColumn('id', key, (column) => column.notNull())
    .addColumn('cause', key, (column) => column.notNull())
    .addColumn('message', 'text', (column) => column.notNull())
    .addColumn('alarming', 'integer', (column) => column.notNull())
    .addColumn('found_at', key, (column) => column.notNull())
    .addColumn('told_at', key, (column) => column.notNull())
    .addColumn('decided', 'integer', (column) => column.notNull())
    // Goes before it does: no reference.
    .addColumn('backup_id', key)
    .addColumn('ended_at', key)
    .addPrimaryKeyConstraint('archive_breaks_key', ['service_id', 'id'])
    .execute();
  await db.schema
    .createIndex('archive_breaks_undecided')
    .on('archive_breaks')
    .column('service_id')
    .where(sql<boolean>`decided = 0`)
    .execute();
  await db.schema
    .createIndex('archive_breaks_open')
    .on('archive_breaks')
    .column('service_id')
    .where(sql<boolean>`ended_at is null`)
    .execute();
}
