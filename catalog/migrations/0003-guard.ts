/** What the edge remembers of requests: the keys under which orders are carried out once, and the audit. */
import type { Kysely } from 'kysely';
import { columnTypes } from './columns.ts';

export async function up(db: Kysely<unknown>): Promise<void> {
  await makeIdempotencyKeys(db);
  await makeAudit(db);
}

async function makeIdempotencyKeys(db: Kysely<unknown>): Promise<void> {
  const { key } = columnTypes(db);
  await db.schema
    .createTable('idempotency_keys')
    .addColumn('id', key, (column) => column.primaryKey())
    .addColumn('fingerprint', 'text', (column) => column.notNull())
    .addColumn('claim', 'text', (column) => column.notNull())
    .addColumn('claimed_until', key, (column) => column.notNull())
    .addColumn('answer', 'text')
    .addColumn('expires_at', key, (column) => column.notNull())
    .execute();
  await db.schema
    .createIndex('idempotency_keys_by_expires_at')
    .on('idempotency_keys')
    .column('expires_at')
    .execute();
}

async function makeAudit(db: Kysely<unknown>): Promise<void> {
  const { key, counter } = columnTypes(db);
  await db.schema
    .createTable('audit')
    .addColumn('id', counter)
    .addColumn('organization', key, (column) => column.notNull())
    .addColumn('operation', key, (column) => column.notNull())
    .addColumn('method', 'text', (column) => column.notNull())
    .addColumn('path', 'text', (column) => column.notNull())
    .addColumn('subject', key, (column) => column.notNull())
    .addColumn('how', 'text', (column) => column.notNull())
    .addColumn('role', 'text', (column) => column.notNull())
    .addColumn('address', 'text', (column) => column.notNull())
    .addColumn('request_id', 'text', (column) => column.notNull())
    .addColumn('service_ids', 'text', (column) => column.notNull())
    .addColumn('record_ids', 'text', (column) => column.notNull())
    .addColumn('outcome', key, (column) => column.notNull())
    .addColumn('status', 'integer')
    .addColumn('error', 'text')
    .addColumn('replayed', 'integer', (column) => column.notNull())
    .addColumn('created_at', key, (column) => column.notNull())
    .addColumn('finished_at', key)
    .execute();
  for (const filter of [[], ['operation'], ['subject'], ['outcome']]) {
    const columns = ['organization', ...filter, 'created_at', 'id'];
    await db.schema
      .createIndex(`audit_by_${columns.join('_')}`)
      .on('audit')
      .columns(columns)
      .execute();
  }
}
