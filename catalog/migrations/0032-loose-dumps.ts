/** Whether a dump has tables that are not of one instant: no binlog can be replayed onto it. */
import type { Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('backups')
    // 1, or null.
    .addColumn('dump_loose', 'integer')
    .execute();
}
