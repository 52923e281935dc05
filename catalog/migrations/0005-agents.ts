/**
 * Enrolments: a row is a token that waits for its agent, then that agent, and at last an agent that was revoked. It
 * may be there before its service is, so it does not reference one.
 */
import { sql, type Kysely } from 'kysely';
import { columnTypes } from './columns.ts';

export async function up(db: Kysely<unknown>): Promise<void> {
  const { key } = columnTypes(db);
  await db.schema
    .createTable('agents')
    .addColumn('id', key, (column) => column.primaryKey())
    .addColumn('organization', key, (column) => column.notNull())
    .addColumn('service_id', key, (column) => column.notNull())
    .addColumn('state', key, (column) => column.notNull())
    .addColumn('message', 'text', (column) => column.notNull())
    .addColumn('token_digest', key, (column) => column.notNull())
    .addColumn('take_over', 'integer', (column) => column.notNull())
    .addColumn('created_at', key, (column) => column.notNull())
    .addColumn('created_by', 'text', (column) => column.notNull())
    .addColumn('expires_at', key, (column) => column.notNull())
    .addColumn('agent_id', key)
    .addColumn('signing_key', 'text', (column) => column.notNull())
    .addColumn('recipient', 'text', (column) => column.notNull())
    .addColumn('sequence', 'bigint', (column) => column.notNull())
    .addColumn('hostname', 'text', (column) => column.notNull())
    .addColumn('agent_version', 'text', (column) => column.notNull())
    .addColumn('enrolled_at', key)
    .addColumn('last_seen_at', key)
    .addColumn('revoked_at', key)
    .addColumn('orders_ended', 'integer', (column) => column.notNull())
    .execute();
  await index(db, ['organization', 'created_at', 'id']);
  await index(db, ['service_id', 'created_at', 'id']);
  await index(db, ['agent_id', 'created_at', 'id']);
  // The last fence: whatever the queries do, a service has one agent, and an agent has one service.
  for (const column of ['service_id', 'agent_id']) {
    await db.schema
      .createIndex(`agents_enrolled_${column}`)
      .unique()
      .on('agents')
      .column(column)
      .where(sql.ref('state'), '=', sql.lit('enrolled'))
      .execute();
  }
}

async function index(db: Kysely<unknown>, columns: string[]): Promise<void> {
  await db.schema
    .createIndex(`agents_by_${columns.join('_')}`)
    .on('agents')
    .columns(columns)
    .execute();
}
