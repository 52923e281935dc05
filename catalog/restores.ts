/** Restores: ordered together with their place, followed while they run, listed. */
import type { Transaction } from 'kysely';
import { TidemarkError } from '../domain/errors.ts';
import { instant, isCountedId, now, present, prose } from './columns.ts';
import type { Database } from './database.ts';
import { insertExternalBucket } from './external-buckets.ts';
import { keepReceipt } from './idempotency.ts';
import { pageOf } from './pages.ts';
import { insertPlaceBefore, refuseBusyService } from './places.ts';
import { recordOf } from './restore-rows.ts';
import type { RestoreRow, Tables } from './schema.ts';
import { unfinished } from './statuses.ts';
import type { Catalog, RestorePatch, RestoreRecord } from './types.ts';
import { yieldingWorkflows } from './yielding.ts';

type RestoreQueries = Pick<
  Catalog,
  'createRestore' | 'findRestore' | 'listRestores' | 'removeRestore' | 'updateRestore'
> & {
  /** Oldest first. */
  unfinishedRestores: () => Promise<RestoreRecord[]>;
};

export function restoresIn(database: Database): RestoreQueries {
  return {
    async createRestore(order) {
      const { service, backup } = order;
      // Alone on the backup's service, too: what removes backups then sees this restore, or this the removal.
      return await database.writeAlone([service.serviceId, backup.serviceId], async (db) => {
        await refuseBusyService(db, service.serviceId, await yieldingWorkflows(db, service.serviceId));
        if (order.source) await insertExternalBucket(db, order.organization, order.source);
        else await refuseRemovedBackup(db, backup.id);
        const createdAt = now();
        const row = await db
          .insertInto('restores')
          .values({
            organization: order.organization,
            service_id: service.serviceId,
            service_name: service.serviceName,
            backup_id: backup.id,
            mode: order.mode,
            type: backup.type === 'dump' ? 'logical' : 'physical',
            bucket: order.bucket,
            external_bucket_id: order.source?.id ?? null,
            ...(order.recovery && { recovery: JSON.stringify(order.recovery) }),
            part: order.part === undefined ? null : JSON.stringify(order.part),
            status: 'Scheduled',
            message: prose(order.message),
            workflow_id: '',
            created_at: createdAt,
            updated_at: createdAt,
          })
          .returningAll()
          .executeTakeFirstOrThrow();
        // Its name holds its number, which the database gives.
        const workflowId = order.workflowId(row.id);
        await db.updateTable('restores').set({ workflow_id: workflowId }).where('id', '=', row.id).execute();
        const { serviceId } = service;
        await insertPlaceBefore(db, { serviceId, workflowId, operation: `restore ${row.id}` });
        const made = recordOf({ ...row, workflow_id: workflowId });
        await keepReceipt(db, order.receipt, made);
        return made;
      });
    },

    async findRestore(id, organization) {
      if (!isCountedId(id)) return undefined;
      const row = await database.read(
        async (db) =>
          await db
            .selectFrom('restores')
            .selectAll()
            .where((eb) => eb.and(present({ id, organization })))
            .executeTakeFirst(),
      );
      return row && recordOf(row);
    },

    async listRestores(organization, filter, page) {
      const { serviceId: service_id, status, type } = filter;
      return await pageOf(database, page, {
        matching: (db) =>
          db
            .selectFrom('restores')
            .where((eb) => eb.and(present({ organization, service_id, status, type }))),
        rows: (matching) => matching.selectAll(),
        recordOf,
      });
    },

    async updateRestore(id, patch) {
      if (!isCountedId(id)) return false;
      const changes = changesOf(patch);
      const updated = await database.write(
        async (db) =>
          await db
            .updateTable('restores')
            .set(changes)
            .set('updated_at', now())
            .where('id', '=', id)
            // Part of the statement, so that of two ends only the first is written.
            .where(unfinished)
            .returning('id')
            .executeTakeFirst(),
      );
      return updated !== undefined;
    },

    async removeRestore(id, organization) {
      if (!isCountedId(id)) return undefined;
      const row = await database.write(
        async (db) =>
          await db
            .deleteFrom('restores')
            .where('id', '=', id)
            .where('organization', '=', organization)
            // Part of the statement: one that begins at this moment stays.
            .where('status', '!=', 'Running')
            .where((eb) =>
              eb.or([eb('undo_status', 'is', null), eb('undo_status', 'not in', ['Scheduled', 'Running'])]),
            )
            .returningAll()
            .executeTakeFirst(),
      );
      return row && recordOf(row);
    },

    async unfinishedRestores() {
      const rows = await database.read(
        async (db) =>
          await db
            .selectFrom('restores')
            .selectAll()
            .where(unfinished)
            .orderBy('created_at')
            .orderBy('id')
            .execute(),
      );
      return rows.map(recordOf);
    },
  };
}

/** @throws backup_not_found */
export async function refuseRemovedBackup(transaction: Transaction<Tables>, id: string): Promise<void> {
  const there = await transaction.selectFrom('backups').select('id').where('id', '=', id).executeTakeFirst();
  if (there) return;
  throw new TidemarkError(
    'backup_not_found',
    `The backup "${id}" is not there any more: it was removed meanwhile. GET /backups lists those there are.`,
  );
}

function changesOf(patch: RestorePatch): Partial<RestoreRow> {
  const { message, finishedAt, pointInTime, progress, reached, keptUntil } = patch;
  return present({
    status: patch.status,
    message: message === undefined ? undefined : prose(message),
    finished_at: finishedAt === undefined ? undefined : instant(finishedAt),
    point_in_time: pointInTime === undefined ? undefined : instant(pointInTime),
    progress: progress === undefined ? undefined : JSON.stringify(progress),
    reached: reached === undefined ? undefined : JSON.stringify(reached),
    kept_until: keptUntil === undefined ? undefined : instant(keptUntil),
    previous: keptUntil === undefined ? undefined : ('kept' as const),
  });
}
