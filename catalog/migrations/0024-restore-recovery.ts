/** How far a restore goes beyond its backup: what is asked for, as JSON. */
import type { Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('restores').addColumn('recovery', 'text').execute();
}
