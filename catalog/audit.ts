/**
 * The audit: who asked what, when, from where, with what outcome. Entries are added, finished, and removed by their age
 * alone.
 */
import type { Transaction } from 'kysely';
import { instant, now, present, prose } from './columns.ts';
import type { Database } from './database.ts';
import { pageOf } from './pages.ts';
import type { AuditRow, Tables } from './schema.ts';
import type { AuditEnd, AuditIntent, AuditRecord } from './request-types.ts';
import type { Catalog } from './types.ts';

type AuditQueries = Pick<Catalog, 'addAuditEntry' | 'finishAuditEntry' | 'removeAuditBefore' | 'listAudit'>;

/** In one transaction, so that nobody who writes waits for long. */
const removedAtOnce = 1000;

export function auditIn(database: Database): AuditQueries {
  return {
    async addAuditEntry(entry, end) {
      return await database.write(async (db) => await insertAuditEntry(db, entry, end));
    },

    async finishAuditEntry(id, end) {
      await database.write(
        async (db) =>
          await db
            .updateTable('audit')
            .set({
              service_ids: JSON.stringify(end.serviceIds),
              record_ids: JSON.stringify(end.recordIds),
              outcome: end.outcome,
              status: end.status,
              error: end.error ?? null,
              replayed: end.replayed === true ? 1 : 0,
              finished_at: now(),
            })
            .where('id', '=', id)
            .where('outcome', '=', 'unfinished')
            .execute(),
      );
    },

    async removeAuditBefore(time) {
      const removed = await database.write(
        async (db) =>
          await db
            .deleteFrom('audit')
            .where('id', 'in', (eb) =>
              eb
                .selectFrom('audit')
                .select('id')
                .where('created_at', '<', instant(time))
                .orderBy('created_at')
                .orderBy('id')
                .limit(removedAtOnce),
            )
            .returning('id')
            .execute(),
      );
      return removed.length;
    },

    async listAudit(organization, filter, page) {
      return await pageOf(database, page, {
        matching: (db) => db.selectFrom('audit').where((eb) => eb.and(present({ organization, ...filter }))),
        rows: (matching) => matching.selectAll(),
        recordOf,
      });
    },
  };
}

/** In a transaction that does something else as well: both are there, or neither. @returns the entry's id */
export async function insertAuditEntry(
  db: Transaction<Tables>,
  entry: AuditIntent,
  end?: AuditEnd,
): Promise<number> {
  const createdAt = now();
  const { id } = await db
    .insertInto('audit')
    .values({
      organization: entry.organization,
      operation: entry.operation,
      method: entry.method,
      path: prose(entry.path),
      subject: prose(entry.subject),
      how: entry.how,
      role: entry.role ?? '',
      address: entry.address,
      request_id: entry.requestId,
      service_ids: JSON.stringify(end?.serviceIds ?? entry.serviceIds),
      record_ids: JSON.stringify(end?.recordIds ?? entry.recordIds),
      outcome: end?.outcome ?? 'unfinished',
      status: end?.status ?? null,
      error: end?.error ?? null,
      replayed: end?.replayed === true ? 1 : 0,
      created_at: createdAt,
      finished_at: end ? createdAt : null,
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  return id;
}

function recordOf(row: AuditRow): AuditRecord {
  return {
    id: row.id,
    organization: row.organization,
    operation: row.operation,
    method: row.method,
    path: row.path,
    subject: row.subject,
    how: row.how,
    address: row.address,
    requestId: row.request_id,
    serviceIds: JSON.parse(row.service_ids) as string[],
    recordIds: JSON.parse(row.record_ids) as string[],
    outcome: row.outcome,
    replayed: row.replayed === 1,
    createdAt: row.created_at,
    ...present({
      role: row.role === '' ? undefined : row.role,
      status: row.status,
      error: row.error,
      finishedAt: row.finished_at,
    }),
  };
}
