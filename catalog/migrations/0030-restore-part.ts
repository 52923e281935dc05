/** Restores that bring back part of a backup: which, as JSON. */
import type { Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('restores').addColumn('part', 'text').execute();
}
