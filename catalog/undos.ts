/** Undoing restores: ordered together with its place, followed while it goes on. It is told with its restore. */
import { sql } from 'kysely';
import { TidemarkError } from '../domain/errors.ts';
import { workflowIds as workflowIdsOf } from '../domain/ids.ts';
import { isFinal } from '../domain/operations.ts';
import { instant, isCountedId, now, present, prose } from './columns.ts';
import type { Database } from './database.ts';
import { keepReceipt } from './idempotency.ts';
import { insertPlaceBefore, refuseBusyService } from './places.ts';
import { recordOf } from './restore-rows.ts';
import type { RestoreRow } from './schema.ts';
import type { RestoreRecord } from './types.ts';
import type { UndoCatalog, UndoPatch } from './undo-types.ts';
import { type StoredUndo, storedUndo } from './undo-rows.ts';
import { yieldingWorkflows } from './yielding.ts';

/** Written out, so that the index of those is used. */
const goingOn = sql<boolean>`undo_status in ('Scheduled', 'Running')`;

export function undosIn(database: Database): UndoCatalog & {
  /** Restores that are being undone, oldest first. */ unfinishedUndos: () => Promise<RestoreRecord[]>;
} {
  return {
    async createUndo({ restoreId, serviceId, force, message, workflowId, receipt }) {
      return await database.writeAlone(serviceId, async (db) => {
        await refuseBusyService(db, serviceId, await yieldingWorkflows(db, serviceId));
        const row = await db
          .selectFrom('restores')
          .selectAll()
          .where('id', '=', restoreId)
          .executeTakeFirst();
        refuseRow(row, restoreId);
        const undo: StoredUndo = { message: prose(message), force, createdAt: now() };
        const changed = await db
          .updateTable('restores')
          .set({ undo_workflow_id: workflowId, undo_status: 'Scheduled', undo: JSON.stringify(undo) })
          .set('updated_at', now())
          .where('id', '=', restoreId)
          .returningAll()
          .executeTakeFirstOrThrow();
        const operation = `undo of restore ${restoreId}`;
        await insertPlaceBefore(db, { serviceId, workflowId, operation });
        const made = recordOf(changed);
        await keepReceipt(db, receipt, made);
        return made;
      });
    },

    async updateUndo(restoreId, workflowId, patch) {
      if (!isCountedId(restoreId)) return false;
      return await database.write(async (db) => {
        const row = await db
          .selectFrom('restores')
          .selectAll()
          .where('id', '=', restoreId)
          .where('undo_workflow_id', '=', workflowId)
          .where(goingOn)
          .executeTakeFirst();
        if (!row) return false;
        const { status } = patch;
        const updated = await db
          .updateTable('restores')
          .set({ undo: JSON.stringify(patched(storedUndo(row), patch)), updated_at: now() })
          .set(present({ undo_status: status }))
          .set(status === 'Succeeded' ? { previous: 'put_back' } : {})
          .where('id', '=', restoreId)
          .where('undo_workflow_id', '=', workflowId)
          // Of two ends only the first is written.
          .where(goingOn)
          .returning('id')
          .executeTakeFirst();
        return updated !== undefined;
      });
    },

    async notePreviousGone(serviceId, workflowIds) {
      const ids = workflowIds.flatMap((workflowId) => workflowIdsOf.restoreOf(workflowId) ?? []);
      if (ids.length === 0) return;
      await database.write(
        async (db) =>
          await db
            .updateTable('restores')
            .set({ previous: 'removed', updated_at: now() })
            .where('id', 'in', ids)
            .where('service_id', '=', serviceId)
            .where('workflow_id', 'in', [...workflowIds])
            .where('previous', '=', 'kept')
            .execute(),
      );
    },

    async unfinishedUndos() {
      const rows = await database.read(
        async (db) =>
          await db.selectFrom('restores').selectAll().where(goingOn).orderBy('created_at').execute(),
      );
      return rows.map(recordOf);
    },
  };
}

/** @throws restore_not_found, undo_refused */
function refuseRow(row: RestoreRow | undefined, restoreId: number): void {
  if (!row) {
    throw new TidemarkError(
      'restore_not_found',
      `There is no restore ${restoreId} any more. GET /restores lists those there are.`,
    );
  }
  const reason =
    row.undo_status === 'Succeeded'
      ? 'it was undone already'
      : row.status === 'Succeeded'
        ? undefined
        : `it is ${row.status}`;
  if (reason === undefined) return;
  throw new TidemarkError('undo_refused', `Restore ${restoreId} cannot be undone: ${reason}.`);
}

function patched(undo: StoredUndo, { message, finishedAt, status, ...rest }: UndoPatch): StoredUndo {
  return {
    ...undo,
    ...rest,
    ...(message !== undefined && { message: prose(message) }),
    ...(finishedAt !== undefined && status && isFinal(status) && { finishedAt: instant(finishedAt) }),
  };
}
