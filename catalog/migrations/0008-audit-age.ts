/** Finds the oldest entries of the audit, of whatever organization, without looking at the others. */
import type { Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.createIndex('audit_by_created_at_id').on('audit').columns(['created_at', 'id']).execute();
}
