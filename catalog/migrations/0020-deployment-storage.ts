/** Where the backups of the deployment are, so that another storage is told from it. */
import type { Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('deployment')
    // A deployment of before finds out when its storage is next opened.
    .addColumn('storage', 'text', (column) => column.notNull().defaultTo(''))
    .execute();
}
