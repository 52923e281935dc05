/** What restores took, stage by stage, on the hosts that did them. */
import type { Kysely } from 'kysely';
import { columnTypes } from './columns.ts';

export async function up(db: Kysely<unknown>): Promise<void> {
  const { key } = columnTypes(db);
  await db.schema
    .createTable('measurements')
    .addColumn('agent_id', key, (column) => column.notNull())
    .addColumn('stage', key, (column) => column.notNull())
    .addColumn('measured_at', key, (column) => column.notNull())
    .addColumn('workflow_id', key, (column) => column.notNull())
    .addColumn('bytes', 'double precision', (column) => column.notNull())
    .addColumn('seconds', 'double precision', (column) => column.notNull())
    .addPrimaryKeyConstraint('measurements_key', ['agent_id', 'stage', 'workflow_id'])
    .execute();
}
