/** Where else a backup is kept. A copy's row goes with its backup; what has still to be removed goes with the removal. */
import { sql, type Kysely } from 'kysely';
import { columnTypes } from './columns.ts';

export async function up(db: Kysely<unknown>): Promise<void> {
  const { key } = columnTypes(db);
  await db.schema
    .createTable('copies')
    .addColumn('backup_id', key, (column) => column.notNull().references('backups.id').onDelete('cascade'))
    .addColumn('location', key, (column) => column.notNull())
    .addColumn('status', key, (column) => column.notNull())
    .addColumn('message', 'text', (column) => column.notNull())
    .addColumn('attempts', 'bigint', (column) => column.notNull())
    .addColumn('created_at', key, (column) => column.notNull())
    .addColumn('updated_at', key, (column) => column.notNull())
    .addColumn('finished_at', key)
    // Not tried again before.
    .addColumn('due_at', key, (column) => column.notNull())
    .addPrimaryKeyConstraint('copies_key', ['backup_id', 'location'])
    .execute();
  await db.schema
    .createIndex('copies_missing')
    .on('copies')
    .columns(['location', 'due_at'])
    .where(sql<boolean>`status <> 'Succeeded'`)
    .execute();
  // JSON: the locations whose objects are still to be removed.
  await db.schema
    .alterTable('removals')
    .addColumn('copies', 'text', (column) => column.notNull().defaultTo('[]'))
    .execute();
}
