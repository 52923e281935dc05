/** What a restore's row has of its undo. */
import { present } from './columns.ts';
import type { RestoreRow } from './schema.ts';
import type { RestoreRecord } from './types.ts';
import type { PreviousRecord, UndoRecord } from './undo-types.ts';

/** The content of the column `undo`. */
export type StoredUndo = Omit<UndoRecord, 'workflowId' | 'status'>;

export function storedUndo({ undo }: Pick<RestoreRow, 'undo'>): StoredUndo {
  return JSON.parse(undo ?? '{}') as StoredUndo;
}

export function undoOf(row: RestoreRow): Pick<RestoreRecord, 'previous' | 'undo'> {
  const { kept_until: keptUntil, previous, undo_workflow_id: workflowId, undo_status: status } = row;
  const kept: PreviousRecord | undefined =
    keptUntil === null ? undefined : { keptUntil, state: previous ?? 'kept' };
  const undo: UndoRecord | undefined =
    workflowId === null || status === null ? undefined : { workflowId, status, ...storedUndo(row) };
  return present({ previous: kept, undo });
}
