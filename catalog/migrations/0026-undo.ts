/** Until when a restore keeps what it replaced, and the last undo of it that was asked for. */
import { sql, type Kysely } from 'kysely';
import { columnTypes } from './columns.ts';

export async function up(db: Kysely<unknown>): Promise<void> {
  const { key } = columnTypes(db);
  const columns = ['kept_until', 'previous', 'undo_workflow_id', 'undo_status'] as const;
  for (const column of columns) await db.schema.alterTable('restores').addColumn(column, key).execute();
  await db.schema
    .alterTable('restores')
    // JSON: what is only told of it.
    .addColumn('undo', 'text')
    .execute();
  await db.schema
    .createIndex('restores_being_undone')
    .on('restores')
    .column('created_at')
    .where(sql<boolean>`undo_status in ('Scheduled', 'Running')`)
    .execute();
}
