/** What the agent of a service says of encryption by its own settings: told with each announcement. */
import type { Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('services')
    // Agents of before said nothing.
    .addColumn('encryption', 'text', (column) =>
      column.notNull().defaultTo('{"recipients":[],"unencrypted":"allowed"}'),
    )
    .execute();
}
