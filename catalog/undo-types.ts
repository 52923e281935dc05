/** The undoing of restores in the catalog. */
import type { OperationStatus } from '../domain/operations.ts';
import type { Progress } from '../domain/progress.ts';
import type { Receipt } from './request-types.ts';
import type { RestoreRecord } from './types.ts';

/** One undo of a restore. Of several, of which all but the last were refused or failed, the last is remembered. */
export interface UndoRecord {
  workflowId: string;
  status: OperationStatus;
  message: string;
  /** Also when something was written since the restore. */
  force: boolean;
  createdAt: string;
  finishedAt?: string;
  progress?: Progress;
  /** For how long the server accepted no connections, milliseconds. */
  notServingMs?: number;
}

export type UndoPatch = Partial<
  Pick<UndoRecord, 'status' | 'message' | 'finishedAt' | 'progress' | 'notServingMs'>
>;

/** What a restore replaced. */
export interface PreviousRecord {
  /** When it is removed at the latest. */
  keptUntil: string;
  /** `put_back`: the restore was undone. */
  state: 'kept' | 'removed' | 'put_back';
}

export interface UndoCatalog {
  /**
   * One transaction: an undo of a restore, Scheduled, in place of an earlier one, and its place, as that of a restore.
   *
   * @throws service_busy; undo_refused when the restore did not succeed, or was undone since; restore_not_found
   */
  createUndo(order: {
    restoreId: number;
    serviceId: string;
    force: boolean;
    message: string;
    workflowId: string;
    receipt?: Receipt<RestoreRecord> | undefined;
  }): Promise<RestoreRecord>;
  /** False when it is not the last of its restore, or has ended. One that succeeds has put back what was replaced. */
  updateUndo(restoreId: number, workflowId: string, patch: UndoPatch): Promise<boolean>;
  /** What these restores replaced is not kept any more. @param workflowIds those of the restores */
  notePreviousGone(serviceId: string, workflowIds: readonly string[]): Promise<void>;
}
