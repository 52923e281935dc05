/** What is removed on instruction: also from a customer's bucket, whose credentials are needed until it is done. */
import type { Kysely } from 'kysely';
import { columnTypes } from './columns.ts';

export async function up(db: Kysely<unknown>): Promise<void> {
  const { key } = columnTypes(db);
  await db.schema.alterTable('removals').addColumn('external_bucket_id', key).execute();
}
