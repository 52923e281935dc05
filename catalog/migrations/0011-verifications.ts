/** The latest verification of a backup. It goes with the backup. */
import { sql, type Kysely } from 'kysely';
import { columnTypes } from './columns.ts';

export async function up(db: Kysely<unknown>): Promise<void> {
  const { key } = columnTypes(db);
  await db.schema
    .createTable('verifications')
    .addColumn('backup_id', key, (column) => column.primaryKey().references('backups.id').onDelete('cascade'))
    .addColumn('workflow_id', key, (column) => column.notNull().unique())
    .addColumn('status', key, (column) => column.notNull())
    .addColumn('message', 'text', (column) => column.notNull())
    .addColumn('created_at', key, (column) => column.notNull())
    .addColumn('updated_at', key, (column) => column.notNull())
    .addColumn('finished_at', key)
    .addColumn('objects_count', 'bigint', (column) => column.notNull())
    .addColumn('bytes_read', 'bigint', (column) => column.notNull())
    .addColumn('damaged', 'text', (column) => column.notNull())
    .addColumn('damaged_count', 'bigint', (column) => column.notNull())
    // Outlives the order of another verification, until that one knows better.
    .addColumn('known_damaged', 'integer', (column) => column.notNull())
    .addColumn('progress', 'text')
    .execute();
  await db.schema
    .createIndex('verifications_unfinished')
    .on('verifications')
    .column('created_at')
    .where(sql<boolean>`status in ('Scheduled', 'Running')`)
    .execute();
}
