/**
 * Archived binlogs: segments, the stretches that they make up, timelines, holes, and where each follower stands. Instants
 * have microseconds. A segment does not refer to its timeline: of a catalog that was lost the one may come back before
 * the other.
 */
import { PostgresAdapter, sql, type CreateTableBuilder, type Kysely } from 'kysely';
import { columnTypes } from './columns.ts';

export async function up(db: Kysely<unknown>): Promise<void> {
  const { key } = columnTypes(db);
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  /** Millions of rows, each found by its key alone: SQLite keeps them in the key's order and nowhere else. */
  const inOrder = <T extends string>(table: CreateTableBuilder<T>): CreateTableBuilder<T> =>
    postgres ? table : table.modifyEnd(sql`without rowid`);

  await inOrder(
    db.schema
      .createTable('segments')
      .addColumn('service_id', key, (column) => column.notNull())
      .addColumn('timeline', key, (column) => column.notNull())
      .addColumn('file_number', 'bigint', (column) => column.notNull())
      .addColumn('file', key, (column) => column.notNull())
      .addColumn('start_position', 'bigint', (column) => column.notNull())
      .addColumn('end_position', 'bigint', (column) => column.notNull())
      .addColumn('gtid_before', 'text', (column) => column.notNull())
      .addColumn('whole_end', 'bigint', (column) => column.notNull())
      .addColumn('gtid_after', 'text', (column) => column.notNull())
      .addColumn('first_event_at', key)
      .addColumn('last_event_at', key)
      .addColumn('sampled_from', key)
      .addColumn('sampled_to', key)
      .addColumn('closed', key)
      .addColumn('stored_bytes', 'bigint', (column) => column.notNull())
      .addColumn('sha256', 'text', (column) => column.notNull())
      // JSON
      .addColumn('recipients', 'text', (column) => column.notNull())
      .addColumn('shipped_at', key, (column) => column.notNull())
      .addPrimaryKeyConstraint('segments_key', [
        'service_id',
        'timeline',
        'file_number',
        'file',
        'start_position',
        'end_position',
      ]),
  ).execute();

  const service = <T extends string>(name: T): CreateTableBuilder<T, 'service_id'> =>
    db.schema
      .createTable(name)
      .addColumn('service_id', key, (column) => column.notNull().references('services.service_id'));

  await service('stretches')
    .addColumn('timeline', key, (column) => column.notNull())
    .addColumn('from_file', key, (column) => column.notNull())
    .addColumn('from_position', 'bigint', (column) => column.notNull())
    .addColumn('from_gtid', 'text', (column) => column.notNull())
    .addColumn('to_file', key, (column) => column.notNull())
    .addColumn('to_position', 'bigint', (column) => column.notNull())
    .addColumn('to_gtid', 'text', (column) => column.notNull())
    .addColumn('end_file', key, (column) => column.notNull())
    .addColumn('end_position', 'bigint', (column) => column.notNull())
    .addColumn('from_time', key)
    .addColumn('to_time', key)
    // JSON
    .addColumn('unsampled', 'text', (column) => column.notNull())
    .addColumn('bytes', 'bigint', (column) => column.notNull())
    .addColumn('stored_bytes', 'bigint', (column) => column.notNull())
    .addColumn('segments', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('stretches_key', ['service_id', 'timeline', 'from_file', 'from_position'])
    .execute();

  await service('timelines')
    .addColumn('id', key, (column) => column.notNull())
    // JSON: nothing in it is searched for.
    .addColumn('facts', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('timelines_key', ['service_id', 'id'])
    .execute();

  await service('archive_holes')
    .addColumn('timeline', key, (column) => column.notNull())
    .addColumn('from_file', key, (column) => column.notNull())
    .addColumn('from_position', 'bigint', (column) => column.notNull())
    .addColumn('cause', key, (column) => column.notNull())
    // JSON
    .addColumn('facts', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('archive_holes_key', [
      'service_id',
      'timeline',
      'from_file',
      'from_position',
      'cause',
    ])
    .execute();

  await service('follow_states')
    .addColumn('looked_at', key, (column) => column.notNull())
    // JSON
    .addColumn('state', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('follow_states_key', ['service_id'])
    .execute();

  // Null where the manifest does not say.
  await db.schema.alterTable('backups').addColumn('timeline', key).execute();
}
