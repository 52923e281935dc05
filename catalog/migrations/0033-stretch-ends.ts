/** How the last file of a stretch was closed: after a server that was stopped nothing is missing before it was started again. */
import type { Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('stretches')
    // 'rotate' or 'stop', or null; not known of those that are older than this column and do not grow any more.
    .addColumn('closed', 'text')
    .execute();
}
