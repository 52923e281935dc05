/** Where a restore begins that begins at a backup which Tidemark did not make: credentials and key, sealed, until it ends. */
import type { Kysely } from 'kysely';
import { columnTypes } from './columns.ts';

export async function up(db: Kysely<unknown>): Promise<void> {
  const { key } = columnTypes(db);
  await db.schema.alterTable('restores').addColumn('external_bucket_id', key).execute();
}
