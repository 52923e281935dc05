/** API keys. The unique digest is also the index by which every request finds its key. */
import type { Kysely } from 'kysely';
import { columnTypes } from './columns.ts';

export async function up(db: Kysely<unknown>): Promise<void> {
  const { key, counter } = columnTypes(db);
  await db.schema
    .createTable('api_keys')
    .addColumn('id', counter)
    .addColumn('organization', key, (column) => column.notNull())
    .addColumn('role', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('shown', 'text', (column) => column.notNull())
    .addColumn('digest', key, (column) => column.notNull().unique())
    .addColumn('created_at', key, (column) => column.notNull())
    .addColumn('expires_at', key)
    .addColumn('revoked_at', key)
    .addColumn('last_used_at', key)
    .execute();
}
