/** Drills: when each service is proven, what came of it, and which agents offer themselves for it. */
import { sql, type Kysely } from 'kysely';
import { columnTypes } from './columns.ts';

export async function up(db: Kysely<unknown>): Promise<void> {
  const { key, counter } = columnTypes(db);
  // JSON. Null: it does not.
  await db.schema.alterTable('services').addColumn('prover', 'text').execute();
  await db.schema
    .createTable('drills')
    .addColumn('service_id', key, (column) => column.primaryKey().references('services.service_id'))
    .addColumn('schedule', 'text', (column) => column.notNull())
    .addColumn('offset_seconds', 'integer', (column) => column.notNull())
    .addColumn('set_at', key, (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('proofs')
    .addColumn('id', counter)
    .addColumn('organization', key, (column) => column.notNull())
    .addColumn('service_id', key, (column) => column.notNull().references('services.service_id'))
    .addColumn('workflow_id', key, (column) => column.notNull().unique())
    .addColumn('status', key, (column) => column.notNull())
    .addColumn('message', 'text', (column) => column.notNull())
    .addColumn('code', 'text')
    .addColumn('backup_id', key)
    .addColumn('point_in_time', key)
    .addColumn('prover', 'text')
    .addColumn('report', 'text')
    .addColumn('digest', key)
    .addColumn('progress', 'text')
    .addColumn('created_at', key, (column) => column.notNull())
    .addColumn('updated_at', key, (column) => column.notNull())
    .addColumn('finished_at', key)
    .execute();
  await db.schema.createIndex('proofs_listed').on('proofs').columns(['service_id', 'created_at']).execute();
  await db.schema.createIndex('proofs_latest').on('proofs').columns(['service_id', 'status', 'id']).execute();
  await db.schema
    .createIndex('proofs_unfinished')
    .on('proofs')
    .column('created_at')
    .where(sql<boolean>`status in ('Scheduled', 'Running')`)
    .execute();
}
